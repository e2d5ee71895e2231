import { LRUCache } from 'lru-cache';
import { vectorFromBytes } from '../documents/index.js';
import { passageRows } from '../indexing/index.js';
import { type Database } from '../platform/database/index.js';
import { type Lull } from '../platform/lull.js';
import { DotKernel, RowFormat } from '../platform/vector-index/index.js';

const cacheBytes = 192 * 1024 ** 2;
const overheadBytes = 200;
const idsPerStatement = 2000;
const warmedAtOnce = 250;
/** Rows compared by one call of the kernel. */
const rowsAtOnce = 2048;

/**
 * Vectors of passages at both grains, for scoring a search's candidates exactly: what the words found is compared with
 * the query's meaning too, and a long passage is as near as its nearest piece and its whole together.
 */
export class PassageVectors {
  /** Rows of each passage: the whole's, then its pieces'. */
  readonly #rows = new LRUCache<number, Uint8Array>({ maxSize: cacheBytes, sizeCalculation: (rows) => rows.length + overheadBytes });
  #kernel: DotKernel | null = null;

  /** Whose vectors are kept. */
  #model = '';

  constructor(private readonly database: Database) {}

  /** To be called when the vectors of chunks have changed. */
  forget(model: string, chunkIds: number[]): void {
    if (model === this.#model) for (const id of chunkIds) this.#rows.delete(id);
  }

  /** Puts into `found` each chunk's similarity: the mean of the whole's and the nearest piece's cosine, -1..1. Chunks without a vector are left out. */
  async similarities(query: Float32Array, chunkIds: number[], model: string, found: Map<number, number>): Promise<void> {
    this.#keep(model);
    const entries: [number, Uint8Array][] = [];
    const missing: number[] = [];
    for (const id of chunkIds) {
      const rows = this.#rows.get(id);
      if (rows) entries.push([id, rows]);
      else missing.push(id);
    }
    for (let at = 0; at < missing.length; at += idsPerStatement)
      entries.push(...(await this.#read(model, { where: `v.chunk_id IN (${missing.slice(at, at + idsPerStatement).join(', ')})` })));
    if (entries.length > 0) compare(query, entries, this.#kernelFor(query.length), found);
  }

  /** Vectors of one model at a time: when the model is exchanged, what is kept of the old one goes. */
  #keep(model: string): void {
    if (model === this.#model) return;
    this.#rows.clear();
    this.#model = model;
  }

  #kernelFor(dimensions: number): DotKernel {
    if (this.#kernel?.format.dimensions !== dimensions) {
      this.#kernel = new DotKernel(new RowFormat(dimensions), rowsAtOnce);
      this.#kernel.reserve(rowsAtOnce);
    }
    return this.#kernel;
  }

  /** @param where and what follows it, of the vectors `v` and what is joined to them */
  async #read(model: string, { join = '', where }: { join?: string; where: string }): Promise<[number, Uint8Array][]> {
    const read = (await this.database.searchRead.query(
      `SELECT v.chunk_id AS id, v.vector, v.pieces FROM chunk_vectors v ${join} WHERE v.model = ${quoted(model)} AND ${where}`,
    )) as { id: number; vector: Uint8Array; pieces: Uint8Array | null }[];
    return read.map(({ id, vector, pieces }) => {
      const whole = vectorFromBytes(vector);
      const rows = passageRows(whole, pieces, this.#kernelFor(whole.length).format);
      if (model === this.#model) this.#rows.set(id, rows);
      return [id, rows];
    });
  }

  /** Reads the newest chunks' vectors ahead of the first searches, as many as are kept in memory. */
  async warm({ model, chunking }: { model: string; chunking: number }, signal: AbortSignal, lull: Lull): Promise<void> {
    this.#keep(model);
    let below = Number.MAX_SAFE_INTEGER;
    while (!signal.aborted && this.#rows.calculatedSize < cacheBytes * 0.9) {
      const read = await this.#read(model, {
        join: `JOIN chunks c ON c.id = v.chunk_id AND c.chunking = ${chunking}`,
        where: `v.chunk_id < ${below} ORDER BY v.chunk_id DESC LIMIT ${warmedAtOnce}`,
      });
      if (read.length === 0) return;
      below = read.at(-1)![0];
      await lull.come();
    }
  }
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

function compare(query: Float32Array, entries: [number, Uint8Array][], kernel: DotKernel, found: Map<number, number>): void {
  const { stride } = kernel.format;
  const memory = new Uint8Array(kernel.memory);
  kernel.ask(query);
  for (let first = 0; first < entries.length;) {
    let count = 0;
    let next = first;
    for (; next < entries.length; next++) {
      // A passage of more pieces than fit is compared by the first of them.
      const rows = entries[next]![1].subarray(0, rowsAtOnce * stride);
      if (count + rows.length / stride > rowsAtOnce) break;
      memory.set(rows, kernel.offset(count));
      count += rows.length / stride;
    }
    const { values, scale } = kernel.products(count);
    for (let at = 0; first < next; first++) {
      const [id, rows] = entries[first]!;
      const end = Math.min(count, at + rows.length / stride);
      const whole = values[at]!;
      let nearest = -Infinity;
      for (let i = at + 1; i < end; i++) nearest = Math.max(nearest, values[i]!);
      found.set(id, (nearest === -Infinity ? whole : (whole + nearest) / 2) * scale);
      at = end;
    }
  }
}
