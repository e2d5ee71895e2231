import { LRUCache } from 'lru-cache';
import { ChunkEntity, type ChunkType, DocumentEntity } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';
import { type FullTextIndex } from '../platform/full-text/index.js';
import { type Lull } from '../platform/lull.js';
import { TextParts } from './text-parts.js';

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

export interface ShownChunk {
  chunk: ChunkType;
  parts: TextParts;
}

const cacheBytes = 160 * 1024 ** 2;
const overheadBytes = 500;
const warmedAtOnce = 250;

/** Passages to be shown. Their rows never change, so those often shown are kept; read by plain SQL, because building entities costs more than reading. */
export class ShownChunks {
  readonly #kept = new LRUCache<number, ShownChunk>({
    maxSize: cacheBytes,
    sizeCalculation: ({ chunk, parts }) => chunk.text.length * 2 + parts.bytes + overheadBytes,
  });

  constructor(
    private readonly database: Database,
    private readonly fullText: FullTextIndex,
  ) {}

  async get(ids: number[]): Promise<Map<number, ShownChunk>> {
    const found = new Map<number, ShownChunk>();
    const missing: number[] = [];
    for (const id of ids) {
      const kept = this.#kept.get(id);
      if (kept) found.set(id, kept);
      else missing.push(id);
    }
    if (missing.length > 0) for (const shown of await this.#read(`WHERE id IN (${missing.join(', ')})`)) found.set(Number(shown.chunk.id), shown);
    return found;
  }

  async #read(where: string): Promise<ShownChunk[]> {
    const rows = (await this.database.searchRead.query(
      `SELECT id, ordinal, heading_path, page_from, page_to, char_start, char_end, token_count, text FROM chunks ${where}`,
    )) as ChunkRow[];
    const words = await this.fullText.wordParts(rows.map(({ id }) => id));
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
      const shown = { chunk, parts: new TextParts(row.text, words.get(row.id)) };
      this.#kept.set(row.id, shown);
      return shown;
    });
  }

  /**
   * Passages with a text in them, under their headings or in the document's title, letter for letter but for the case of Latin letters:
   * all have to be looked through.
   * @param documentIds looked for in these only; null for all
   */
  async containing(text: string, chunking: number, limit: number, documentIds: string[] | null): Promise<{ chunkId: number; documentId: string }[]> {
    // Headings are kept as JSON, whose punctuation is none of theirs.
    const columns = ['chunk.text', 'document.title', ...(/[\p{Letter}\p{Number}]/u.test(text) ? ['chunk.heading_path'] : [])];
    const query = this.database.read
      .createQueryBuilder(ChunkEntity, 'chunk')
      .innerJoin(DocumentEntity, 'document', 'document.id = chunk.documentId AND document.revision = chunk.revision AND document.deletedAt IS NULL')
      .select('chunk.id', 'id')
      .addSelect('chunk.documentId', 'document')
      .where('chunk.chunking = :chunking', { chunking })
      .andWhere(`(${columns.map((column) => `lower(${column}) LIKE :text ESCAPE '!'`).join(' OR ')})`, { text: `%${text.replace(/[!%_]/g, '!$&')}%` });
    if (documentIds) query.andWhere('chunk.documentId IN (:...documentIds)', { documentIds });
    const found = await query.limit(limit).getRawMany<{ id: number; document: string }>();
    return found.map(({ id, document }) => ({ chunkId: Number(id), documentId: document }));
  }

  /** @param chunking of the passages that answer */
  async warm(chunking: number, signal: AbortSignal, lull: Lull): Promise<void> {
    let below = Number.MAX_SAFE_INTEGER;
    while (!signal.aborted && this.#kept.calculatedSize < cacheBytes * 0.9) {
      const read = await this.#read(`WHERE id < ${below} AND chunking = ${chunking} ORDER BY id DESC LIMIT ${warmedAtOnce}`);
      if (read.length === 0) return;
      below = Number(read.at(-1)!.chunk.id);
      await lull.come();
    }
  }
}
