import { type Database } from '../../platform/database/index.js';
import { countPacked } from '../../indexing/index.js';
import { passageHash, passageText } from '../../platform/embedder/index.js';
import { type VectorRecord } from '../saving/library-part.js';

interface ChunkRow {
  id: number;
  title: string;
  headingPath: string;
  text: string;
  pieces: string;
}

interface LackingChunk {
  id: number;
  pieces: number;
}

const atOnce = 500;

/** Chunks without a vector under `model`, by the hash of what the model reads of them. */
async function chunksWithout(database: Database, model: string): Promise<Map<string, LackingChunk[]>> {
  const found = new Map<string, LackingChunk[]>();
  const placeholder = database.dialect === 'postgres' ? ['$1', '$2'] : ['?', '?'];
  for (let after = -1; ;) {
    const rows = (await database.read.query(
      `SELECT c.id, d.title, c.heading_path AS "headingPath", c.text, c.pieces FROM chunks c JOIN documents d ON d.id = c.document_id
       WHERE c.id > ${placeholder[0]} AND NOT EXISTS (SELECT 1 FROM chunk_vectors v WHERE v.chunk_id = c.id AND v.model = ${placeholder[1]})
       ORDER BY c.id LIMIT ${atOnce}`,
      [after, model],
    )) as ChunkRow[];
    if (rows.length === 0) return found;
    for (const { id, title, headingPath, text, pieces } of rows) {
      const hash = passageHash(passageText(title, JSON.parse(headingPath) as string[], text));
      found.set(hash, [...(found.get(hash) ?? []), { id, pieces: (JSON.parse(pieces) as unknown[]).length }]);
    }
    after = rows.at(-1)!.id;
  }
}

/** Gives chunks that lack a vector the one that was made of the same text by the same model. @returns how many got one */
export async function putBackVectors(database: Database, records: AsyncIterable<VectorRecord>, signal: AbortSignal): Promise<number> {
  const wanted = new Map<string, Map<string, LackingChunk[]>>();
  let put = 0;
  let rows: { chunkId: number; model: string; vector: Buffer; pieces: Buffer | null }[] = [];
  const keep = async () => {
    const full = rows;
    rows = [];
    if (full.length === 0) return;
    await database.write(async (tx) => {
      await tx.createQueryBuilder().insert().into('chunk_vectors').values(full).orIgnore().updateEntity(false).execute();
    });
    put += full.length;
  };
  for await (const { hash, model, vector, pieces } of records) {
    signal.throwIfAborted();
    let lacking = wanted.get(model);
    if (!lacking) wanted.set(model, (lacking = await chunksWithout(database, model)));
    const whole = Buffer.from(vector, 'base64');
    const packed = pieces === null ? null : Buffer.from(pieces, 'base64');
    for (const { id: chunkId, pieces: count } of lacking.get(hash) ?? []) {
      // Cut in another way, the same text has other pieces: theirs are made anew.
      const fits = packed !== null && count === countPacked(packed, whole.length / 4);
      rows.push({ chunkId, model, vector: whole, pieces: fits ? packed : null });
    }
    // The same text twice among the records is the same vector twice.
    lacking.delete(hash);
    if (rows.length >= atOnce) await keep();
  }
  await keep();
  return put;
}
