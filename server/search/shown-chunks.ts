import { LRUCache } from 'lru-cache';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ChunkType } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';

interface ChunkRow {
  id: number;
  ordinal: number;
  heading_path: string;
  page_from: number | null;
  page_to: number | null;
  char_start: number;
  char_end: number;
  token_count: number;
  text: string;
}

const cacheBytes = 128 * 1024 ** 2;
const warmedAtOnce = 250;

/** Passages to be shown. Their rows never change, so those often shown are kept; read by plain SQL, because building entities costs more than reading. */
export class ShownChunks {
  readonly #kept = new LRUCache<number, ChunkType>({ maxSize: cacheBytes, sizeCalculation: (chunk) => chunk.text.length * 2 + 400 });

  constructor(private readonly database: Database) {}

  async get(ids: number[]): Promise<Map<number, ChunkType>> {
    const found = new Map<number, ChunkType>();
    const missing: number[] = [];
    for (const id of ids) {
      const kept = this.#kept.get(id);
      if (kept) found.set(id, kept);
      else missing.push(id);
    }
    if (missing.length > 0) for (const chunk of await this.#read(`WHERE id IN (${missing.join(', ')})`)) found.set(Number(chunk.id), chunk);
    return found;
  }

  /** Those that need not be read, the one shown last first. */
  kept(): Iterable<ChunkType> {
    return this.#kept.values();
  }

  async #read(where: string): Promise<ChunkType[]> {
    const rows = (await this.database.searchRead.query(
      `SELECT id, ordinal, heading_path, page_from, page_to, char_start, char_end, token_count, text FROM chunks ${where}`,
    )) as ChunkRow[];
    return rows.map((row) => {
      const chunk = {
        id: String(row.id),
        ordinal: row.ordinal,
        headingPath: JSON.parse(row.heading_path) as string[],
        pageFrom: row.page_from,
        pageTo: row.page_to,
        charStart: row.char_start,
        charEnd: row.char_end,
        tokenCount: row.token_count,
        text: row.text,
      };
      this.#kept.set(row.id, chunk);
      return chunk;
    });
  }

  /** @param chunking of the passages that answer */
  async warm(chunking: number, signal: AbortSignal): Promise<void> {
    let below = Number.MAX_SAFE_INTEGER;
    while (!signal.aborted && this.#kept.calculatedSize < cacheBytes * 0.9) {
      const read = await this.#read(`WHERE id < ${below} AND chunking = ${chunking} ORDER BY id DESC LIMIT ${warmedAtOnce}`);
      if (read.length === 0) return;
      below = Number(read.at(-1)!.id);
      await nextTurn();
    }
  }
}
