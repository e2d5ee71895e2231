import { setImmediate as nextTurn } from 'node:timers/promises';
import { vectorFromBytes } from '../../documents/index.js';
import { unpackVectors } from '../../indexing/index.js';
import { fullTextOf } from '../../ingestion/index.js';
import { type Damage, type DamageKind } from '../damage.js';
import { answering, type Check, type CheckedStores, quoted, select } from './check.js';

interface ChunkRow {
  id: number;
  document_id: string;
  title: string;
  heading_path: string;
  char_start: number;
  char_end: number;
  text: string;
  vector: Uint8Array | null;
  /** Ranges of the pieces as JSON, and their packed vectors. */
  ranges: string | [number, number][];
  pieces: Uint8Array | null;
  terms: Uint8Array | null;
}

const chunksAtOnce = 500;
/** Taking terms from a passage costs a fraction of a millisecond: others get their turn in between. */
const comparedAtOnce = 20;
/** A unit vector's length may differ by this much for its floats. */
const lengthTolerance = 0.01;

/** Passages that answer: each a slice of its document's text, in the full text by its own terms, and with a unit vector. */
export const passages: Check = async (stores, signal) => {
  const { fullText, index } = stores;
  const found: Damage[] = [];
  let text = { documentId: '', text: null as string | null };
  for (let after = 0; ;) {
    signal.throwIfAborted();
    const rows = await select<ChunkRow>(
      stores,
      `SELECT c.id, c.document_id, d.title, c.heading_path, c.char_start, c.char_end, c.text, c.pieces AS ranges, v.vector, v.pieces, t.terms FROM chunks c
       JOIN documents d ON d.id = c.document_id AND d.revision = c.revision AND ${answering}
       LEFT JOIN chunk_vectors v ON v.chunk_id = c.id AND v.model = ${quoted(index.active.model)}
       LEFT JOIN chunk_terms t ON t.chunk_id = c.id
       WHERE c.id > ${after} AND c.indexed_at IS NOT NULL ORDER BY c.id LIMIT ${chunksAtOnce}`,
    );
    for (const [i, row] of rows.entries()) {
      if (i % comparedAtOnce === comparedAtOnce - 1) await nextTurn();
      const damage = (kind: DamageKind, message: string) => found.push({ kind, documentId: row.document_id, subject: String(row.id), message });
      if (text.documentId !== row.document_id) text = { documentId: row.document_id, text: await textOf(stores, row.document_id) };
      const isAltered = text.text !== null && text.text.slice(row.char_start, row.char_end) !== row.text;
      if (isAltered) damage('CHUNK_ALTERED', 'A passage says something else than the text it was cut from.');
      if (!row.vector) damage('VECTOR_MISSING', 'A passage has no vector.');
      else if (!isUnit(row.vector)) damage('VECTOR_ALTERED', "A passage's vector is none that the model makes.");
      else if (row.pieces && !arePiecesOf(row)) damage('VECTOR_ALTERED', "The vectors of a passage's pieces are none that the model makes.");
      if (row.terms && !isAltered && !isTermsOf(row)) damage('TERMS_ALTERED', 'The full-text index counts other words in a passage than it has.');
    }
    const unlisted = await fullText.missing(rows.map(({ id }) => Number(id)));
    for (const row of rows.filter(({ id }) => unlisted.has(Number(id))))
      found.push({ kind: 'FULL_TEXT_MISSING', documentId: row.document_id, subject: String(row.id), message: 'A passage is not in the full-text index.' });
    if (rows.length < chunksAtOnce) return found;
    after = Number(rows.at(-1)!.id);
    await nextTurn();
  }
};

async function textOf(stores: CheckedStores, documentId: string): Promise<string | null> {
  const [row] = await select<{ text: string }>(
    stores,
    `SELECT t.text FROM document_texts t JOIN documents d ON d.id = t.document_id AND d.revision = t.revision WHERE d.id = ${quoted(documentId)}`,
  );
  return row?.text ?? null;
}

function isTermsOf({ title, heading_path: headings, text, terms }: ChunkRow): boolean {
  return Buffer.compare(fullTextOf(title, JSON.parse(headings) as string[], text).packedTerms, terms ?? new Uint8Array()) === 0;
}

function arePiecesOf({ ranges, pieces, vector }: ChunkRow): boolean {
  const wanted = typeof ranges === 'string' ? (JSON.parse(ranges) as unknown[]) : ranges;
  const made = unpackVectors(pieces!, vectorFromBytes(vector!).length);
  return made !== null && made.length === wanted.length && made.every(isUnitVector);
}

const isUnit = (bytes: Uint8Array) => isUnitVector(vectorFromBytes(bytes));

function isUnitVector(vector: Float32Array): boolean {
  let squares = 0;
  for (const value of vector) squares += value * value;
  return Math.abs(Math.sqrt(squares) - 1) <= lengthTolerance;
}

/** The full-text index's own counts, and what its lists hold beyond the passages. */
export const fullTextLists: Check = async (stores) => {
  const { fullText } = stores;
  const strangers = await fullText.strangers();
  // A passage whose term vector alone is gone is named as missing.
  const known = strangers.length > 0 ? new Set((await select<{ id: number }>(stores, 'SELECT id FROM chunks')).map(({ id }) => Number(id))) : new Set();
  const unknown = strangers.filter((id) => !known.has(id));
  const found: Damage[] = unknown.map((id) => ({
    kind: 'POSTING_ORPHAN',
    documentId: null,
    subject: String(id),
    message: 'The lists of the full-text index name a passage that does not exist.',
  }));
  if (!(await fullText.countsAreRight()))
    found.push({ kind: 'STATISTICS_WRONG', documentId: null, subject: 'full-text', message: 'The full-text index counts its words wrongly: ranking suffers.' });
  return found;
};
