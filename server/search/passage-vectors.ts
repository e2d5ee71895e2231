import { LRUCache } from 'lru-cache';
import { packVectors, PackedVectors } from '../indexing/index.js';
import { vectorFromBytes } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';

interface Entry {
  whole: PackedVectors;
  pieces: PackedVectors | null;
}

const cacheBytes = 192 * 1024 ** 2;
const idsPerStatement = 2000;
const warmedAtOnce = 250;

/**
 * Vectors of passages at both grains, for scoring a search's candidates exactly: what the words found is compared with
 * the query's meaning too, and a long passage is as near as its nearest piece and its whole together.
 */
export class PassageVectors {
  readonly #entries = new LRUCache<number, Entry>({ maxSize: cacheBytes, sizeCalculation: ({ whole, pieces }) => whole.bytes + (pieces?.bytes ?? 0) + 200 });

  /** Whose vectors are kept. */
  #model = '';

  constructor(private readonly database: Database) {}

  /** To be called when the vectors of chunks have changed. */
  forget(model: string, chunkIds: number[]): void {
    if (model === this.#model) for (const id of chunkIds) this.#entries.delete(id);
  }

  /** Puts into `found` each chunk's similarity: the mean of the whole's and the nearest piece's cosine, -1..1. Chunks without a vector are left out. */
  async similarities(query: Float32Array, chunkIds: number[], model: string, found: Map<number, number>): Promise<void> {
    this.#keep(model);
    const missing: number[] = [];
    for (const id of chunkIds) {
      const entry = this.#entries.get(id);
      if (entry) found.set(id, similarity(query, entry));
      else missing.push(id);
    }
    for (let at = 0; at < missing.length; at += idsPerStatement) {
      for (const [id, entry] of await this.#read(model, `chunk_id IN (${missing.slice(at, at + idsPerStatement).join(', ')})`))
        found.set(id, similarity(query, entry));
    }
  }

  /** Vectors of one model at a time: when the model is exchanged, what is kept of the old one goes. */
  #keep(model: string): void {
    if (model === this.#model) return;
    this.#entries.clear();
    this.#model = model;
  }

  async #read(model: string, where: string): Promise<[number, Entry][]> {
    const rows = (await this.database.searchRead.query(
      `SELECT chunk_id AS id, vector, pieces FROM chunk_vectors WHERE model = ${quoted(model)} AND ${where}`,
    )) as { id: number; vector: Uint8Array; pieces: Uint8Array | null }[];
    return rows.map((row) => {
      const vector = vectorFromBytes(row.vector);
      const entry = {
        whole: new PackedVectors(packVectors([vector]), vector.length),
        pieces: row.pieces ? new PackedVectors(row.pieces, vector.length) : null,
      };
      if (model === this.#model) this.#entries.set(row.id, entry);
      return [row.id, entry];
    });
  }

  /** Reads the newest chunks' vectors ahead of the first searches, as many as are kept in memory. */
  async warm(model: string, signal: AbortSignal): Promise<void> {
    this.#keep(model);
    let below = Number.MAX_SAFE_INTEGER;
    while (!signal.aborted && this.#entries.calculatedSize < cacheBytes * 0.9) {
      const read = await this.#read(model, `chunk_id < ${below} ORDER BY chunk_id DESC LIMIT ${warmedAtOnce}`);
      if (read.length === 0) return;
      below = read.at(-1)![0];
    }
  }
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

function similarity(query: Float32Array, { whole, pieces }: Entry): number {
  const near = whole.dot(0, query);
  if (!pieces) return near;
  let nearest = -1;
  for (let i = 0; i < pieces.count; i++) nearest = Math.max(nearest, pieces.dot(i, query));
  return (near + nearest) / 2;
}
