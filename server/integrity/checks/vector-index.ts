import { vectorFromBytes } from '../../documents/index.js';
import { availableWithin } from '../../platform/vector-index/index.js';
import { type Damage } from '../damage.js';
import { answering, type Check, type CheckedStores, quoted, select } from './check.js';

const idsAtOnce = 1000;
const longestWaitMs = 600_000;
/** Few enough that reading an answer does not hold up a search. */
const vectorsAtOnce = 100;
/** Two vectors are the same from this cosine on: ChromaDB keeps them as they are. */
const sameCosine = 0.9999;

interface Expected {
  id: number;
  document_id: string;
}

/** The vector index against the database, in both directions, and vector by vector. */
export const vectorIndex: Check = async (stores, signal) => {
  for (;;) {
    const { number } = stores.index.active;
    const found = await compared(stores, signal);
    // Another index answers by now: what was compared belongs to neither.
    if (stores.index.active.number === number) return found;
  }
};

const compared: Check = async (stores, signal) => {
  const { index } = stores;
  const { collection } = index.active;
  await availableWithin(index.vectors, longestWaitMs, signal);
  const held: string[] = [];
  for (let offset = 0; ; offset += idsAtOnce) {
    signal.throwIfAborted();
    const ids = await index.vectors.ids(collection, idsAtOnce, offset);
    held.push(...ids);
    if (ids.length < idsAtOnce) break;
  }
  const expected = await select<Expected>(
    stores,
    `SELECT c.id, c.document_id FROM chunks c JOIN documents d ON d.id = c.document_id AND d.revision = c.revision AND ${answering} WHERE c.indexed_at IS NOT NULL`,
  );
  const holds = new Set(held);
  const missing = expected.filter(({ id }) => !holds.has(String(id)));
  // Asked for once more: one that came after its page was read is there.
  const there = new Set(missing.length > 0 ? await index.vectors.existing(collection, missing.map(idOf)) : []);
  const rows = new Set((await select<{ id: number }>(stores, 'SELECT id FROM chunks')).map(({ id }) => String(id)));
  const unknown = held.filter((id) => !rows.has(id));
  // And one that was removed since is not.
  const strangers = unknown.length > 0 ? await index.vectors.existing(collection, unknown) : [];
  return [
    ...missing.filter((row) => !there.has(idOf(row))).map((row) => damage('INDEX_MISSING', row, 'ChromaDB lacks the vector of a passage.')),
    ...strangers.map((id): Damage => ({
      kind: 'INDEX_ORPHAN',
      documentId: null,
      subject: id,
      message: 'ChromaDB holds the vector of a passage that does not exist.',
    })),
    ...(await altered(
      stores,
      expected.filter((row) => holds.has(idOf(row))),
      signal,
    )),
  ];
};

const idOf = ({ id }: Expected) => String(id);
const damage = (kind: 'INDEX_MISSING' | 'INDEX_ALTERED', row: Expected, message: string): Damage => ({
  kind,
  documentId: row.document_id,
  subject: idOf(row),
  message,
});

async function altered(stores: CheckedStores, expected: Expected[], signal: AbortSignal): Promise<Damage[]> {
  const { index } = stores;
  const { collection, model } = index.active;
  const found: Damage[] = [];
  for (let at = 0; at < expected.length; at += vectorsAtOnce) {
    signal.throwIfAborted();
    const part = expected.slice(at, at + vectorsAtOnce);
    const [kept, stored] = await Promise.all([
      index.vectors.read(collection, part.map(idOf)),
      select<{ id: number; vector: Uint8Array }>(
        stores,
        `SELECT chunk_id AS id, vector FROM chunk_vectors WHERE model = ${quoted(model)} AND chunk_id IN (${part.map(({ id }) => id).join(', ')})`,
      ),
    ]);
    const vectors = new Map(stored.map(({ id, vector }) => [String(id), vectorFromBytes(vector)]));
    for (const row of part) {
      const [inIndex, inDatabase] = [kept.get(idOf(row)), vectors.get(idOf(row))];
      // One without a vector in the database is named as that.
      if (inIndex && inDatabase && isUnlike(inIndex, inDatabase))
        found.push(damage('INDEX_ALTERED', row, 'ChromaDB holds another vector of a passage than the database.'));
    }
  }
  return found;
}

/** A vector of zeros is like none, and is named by itself where it stands in the database. */
function isUnlike(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return true;
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i += 1) {
    dot += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  if (bb === 0) return false;
  return dot < sameCosine * Math.sqrt(aa * bb);
}
