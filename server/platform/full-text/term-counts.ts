import { setImmediate as nextTurn } from 'node:timers/promises';
import { type EntityManager } from 'typeorm';
import { TermVector } from '../terms/index.js';
import { hashesIn } from './lexicon.js';

/** Few enough that nobody notices the pause. */
const countedAtOnce = 200;

export interface TermCounts {
  /** Passages with a term, by its hash. */
  counts: Map<number, number>;
  /** By number of the chunking. */
  totals: Map<number, { chunks: number; terms: number }>;
}

/** Counts terms and passages from the term vectors. */
export async function countTerms(manager: Pick<EntityManager, 'query'>): Promise<TermCounts> {
  const counts: TermCounts['counts'] = new Map();
  const totals: TermCounts['totals'] = new Map();
  for (let after = 0; ;) {
    const rows = (await manager.query(
      `SELECT chunk_id, chunking, length, terms FROM chunk_terms WHERE chunk_id > ${after} ORDER BY chunk_id LIMIT ${countedAtOnce}`,
    )) as { chunk_id: number; chunking: number; length: number; terms: Uint8Array }[];
    if (rows.length === 0) return { counts, totals };
    after = Number(rows.at(-1)!.chunk_id);
    for (const { chunking, length, terms } of rows) {
      const total = totals.get(chunking) ?? { chunks: 0, terms: 0 };
      totals.set(chunking, { chunks: total.chunks + 1, terms: total.terms + length });
      for (const hash of hashesIn(chunking, new TermVector(terms, length).hashes)) counts.set(hash, (counts.get(hash) ?? 0) + 1);
    }
    await nextTurn();
  }
}
