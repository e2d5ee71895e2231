import { LRUCache } from 'lru-cache';
import { type EntityManager } from 'typeorm';
import { type Database } from '../database/index.js';
import { type Lull } from '../lull.js';
import { ChunkTermsEntity } from './chunk-terms.entity.js';
import { hashesIn, hashesPerStatement, hashIn, Lexicon, termIn } from './lexicon.js';
import { MemoryPostings } from './memory-postings.js';
import { type Postings, postingsFor } from './postings.js';
import { countTerms } from './term-counts.js';
import { TermVector } from '../terms/index.js';

/** A chunk as the full-text index takes it. */
export interface FullTextRow {
  chunkId: number;
  documentId: string;
  revision: number;
  /** Way of cutting that the chunk comes from. */
  chunking: number;
  /** Distinct terms. */
  terms: string[];
  /** The same terms with their counts, as `packTerms` packs them. */
  packed: Uint8Array;
  /** Number of terms, repeats included. */
  length: number;
  /** Where the words of its text lie, as `packWordParts` packs them. */
  words: Uint8Array | null;
}

export interface CandidateChunk {
  chunkId: number;
  documentId: string;
  revision: number;
  chunking: number;
  terms: TermVector;
}

const termVectorCacheBytes = 192 * 1024 ** 2;
const warmedAtOnce = 250;
/** Looks at counts, between two of which nothing may be written. */
const comparedAttempts = 3;

/**
 * Full text over chunks, in the database's own transaction. Which chunks hold a term comes from FTS5 or a tsvector;
 * document frequencies and term counts are kept beside them, so that the few hundred candidates of a query are scored
 * at a cost that does not grow with the corpus.
 */
export class FullTextIndex {
  readonly #postings: Postings;
  readonly #vectors = new LRUCache<number, CandidateChunk>({ maxSize: termVectorCacheBytes, sizeCalculation: (entry) => entry.terms.bytes + 100 });
  readonly #lexicons = new Map<number, Lexicon>();
  /** Filled after a start; until then, and for what it does not hold, the database is asked. */
  readonly #memory = new MemoryPostings();
  #memoryComplete = false;

  constructor(private readonly database: Database) {
    this.#postings = postingsFor(database.dialect);
  }

  async index(tx: EntityManager, rows: FullTextRow[]): Promise<void> {
    await this.#postings.insert(
      tx,
      rows.map(({ chunkId, chunking, terms }) => ({ chunkId, terms: terms.map((term) => termIn(chunking, term)) })),
    );
    for (let at = 0; at < rows.length; at += 100) {
      await tx
        .createQueryBuilder()
        .insert()
        .into(ChunkTermsEntity)
        .values(
          rows.slice(at, at + 100).map((row) => ({
            chunkId: row.chunkId,
            documentId: row.documentId,
            revision: row.revision,
            chunking: row.chunking,
            length: row.length,
            terms: bufferOf(row.packed),
            words: row.words && bufferOf(row.words),
          })),
        )
        .updateEntity(false)
        .execute();
    }
    await this.#count(tx, rows, 1);
    // Should the transaction be rolled back, the lists name chunks that nobody finds.
    for (const row of rows) this.#memory.add(row.chunkId, hashesIn(row.chunking, new TermVector(row.packed, row.length).hashes));
  }

  async remove(tx: EntityManager, chunkIds: number[]): Promise<void> {
    for (let at = 0; at < chunkIds.length; at += 500) {
      const part = chunkIds.slice(at, at + 500);
      const rows =
        (await tx.sql`SELECT chunk_id AS id, length, chunking, terms AS packed FROM chunk_terms WHERE chunk_id IN (${() => part as unknown as string[]})`) as {
          id: number | string;
          length: number;
          chunking: number;
          packed: Uint8Array;
        }[];
      await this.#count(tx, rows, -1);
      for (const row of rows) this.#memory.discount(Number(row.id), hashesIn(row.chunking, new TermVector(row.packed, row.length).hashes));
      await this.#postings.remove(tx, part);
      await tx.sql`DELETE FROM chunk_terms WHERE chunk_id IN (${() => part as unknown as string[]})`;
      for (const id of part) this.#vectors.delete(id);
    }
  }

  async #count(tx: EntityManager, rows: Pick<FullTextRow, 'length' | 'packed' | 'chunking'>[], sign: 1 | -1): Promise<void> {
    const changes = new Map<number, number>();
    const totals = new Map<number, { chunks: number; terms: number }>();
    for (const { length, packed, chunking } of rows) {
      const total = totals.get(chunking) ?? { chunks: 0, terms: 0 };
      totals.set(chunking, { chunks: total.chunks + sign, terms: total.terms + sign * length });
      const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
      for (let i = 0; i < packed.length / 5; i++) {
        const hash = hashIn(chunking, view.getUint32(i * 4, true));
        changes.set(hash, (changes.get(hash) ?? 0) + sign);
      }
    }
    // In one order everywhere: two writers that lock the same rows in different orders would wait for each other for ever.
    const sorted = [...changes].sort(([a], [b]) => a - b);
    for (let at = 0; at < sorted.length; at += hashesPerStatement) {
      const part = sorted.slice(at, at + hashesPerStatement);
      const values = part.map(([hash, change]) => `(${hash}, ${change})`).join(', ');
      await tx.query(
        `INSERT INTO term_statistics (hash, chunks) VALUES ${values} ON CONFLICT (hash) DO UPDATE SET chunks = term_statistics.chunks + excluded.chunks`,
      );
    }
    for (const [chunking, { chunks, terms }] of [...totals].sort(([a], [b]) => a - b)) {
      await tx.query(
        `INSERT INTO full_text_statistics (id, chunks, terms) VALUES (${chunking}, ${chunks}, ${terms})
         ON CONFLICT (id) DO UPDATE SET chunks = full_text_statistics.chunks + excluded.chunks, terms = full_text_statistics.terms + excluded.terms`,
      );
      this.#lexicons.get(chunking)?.changed();
    }
  }

  /** The words of the passages of a chunking. */
  of(chunking: number): Lexicon {
    let lexicon = this.#lexicons.get(chunking);
    if (!lexicon) {
      const memory = () => (this.#memoryComplete ? this.#memory : null);
      lexicon = new Lexicon({ database: this.database, postings: this.#postings, memory, candidates: (ids) => this.candidates(ids) }, chunking);
      this.#lexicons.set(chunking, lexicon);
    }
    return lexicon;
  }

  /** Term vectors by chunk; ids that are not indexed are left out. */
  async candidates(chunkIds: number[]): Promise<CandidateChunk[]> {
    const found: CandidateChunk[] = [];
    const missing: number[] = [];
    for (const id of chunkIds) {
      const cached = this.#vectors.get(id);
      if (cached) found.push(cached);
      else missing.push(id);
    }
    for (let at = 0; at < missing.length; at += 2000) found.push(...(await this.#read(`WHERE chunk_id IN (${missing.slice(at, at + 2000).join(', ')})`)));
    return found;
  }

  async #read(where: string): Promise<CandidateChunk[]> {
    const rows = (await this.database.searchRead.query(`SELECT chunk_id, document_id, revision, chunking, length, terms FROM chunk_terms ${where}`)) as {
      chunk_id: number;
      document_id: string;
      revision: number;
      chunking: number;
      length: number;
      terms: Uint8Array;
    }[];
    return rows.map((row) => {
      const { chunk_id: chunkId, document_id: documentId, revision, chunking } = row;
      const candidate = { chunkId, documentId, revision, chunking, terms: new TermVector(row.terms, row.length) };
      this.#vectors.set(row.chunk_id, candidate);
      return candidate;
    });
  }

  /** Where the words of the chunks' texts lie, as `packWordParts` packs them; chunks of which that is not kept are left out. */
  async wordParts(chunkIds: number[]): Promise<Map<number, Uint8Array>> {
    const found = new Map<number, Uint8Array>();
    for (let at = 0; at < chunkIds.length; at += 2000) {
      const rows = (await this.database.searchRead.query(
        `SELECT chunk_id AS id, words FROM chunk_terms WHERE chunk_id IN (${chunkIds.slice(at, at + 2000).join(', ')}) AND words IS NOT NULL`,
      )) as { id: number; words: Uint8Array }[];
      for (const { id, words } of rows) found.set(id, words);
    }
    return found;
  }

  /** Those of the chunks that are not listed, or have no term vector. */
  async missing(chunkIds: number[]): Promise<Set<number>> {
    const missing = new Set(chunkIds);
    for (let at = 0; at < chunkIds.length; at += 1000) {
      const part = chunkIds.slice(at, at + 1000);
      const rows = (await this.database.read.query(`SELECT chunk_id FROM chunk_terms WHERE chunk_id IN (${part.join(', ')})`)) as { chunk_id: number }[];
      for (const { chunk_id: id } of rows) missing.delete(Number(id));
    }
    const listed = chunkIds.filter((id) => !missing.has(id));
    for (const id of await this.#unlisted(listed)) missing.add(id);
    return missing;
  }

  /** The lists tell how many of some chunks they hold: halved until what lacks is found. */
  async #unlisted(chunkIds: number[]): Promise<number[]> {
    if (chunkIds.length === 0 || (await this.#postings.present(this.database.read, chunkIds)) === chunkIds.length) return [];
    if (chunkIds.length === 1) return chunkIds;
    const half = chunkIds.length >> 1;
    return [...(await this.#unlisted(chunkIds.slice(0, half))), ...(await this.#unlisted(chunkIds.slice(half)))];
  }

  /** Ids that the lists hold though there is no term vector of them. */
  async strangers(): Promise<number[]> {
    const known = new Set(((await this.database.read.query('SELECT chunk_id AS id FROM chunk_terms')) as { id: number }[]).map(({ id }) => Number(id)));
    return (await this.#postings.ids(this.database.read)).filter((id) => !known.has(id));
  }

  /** Whether the kept counts are those of the term vectors, term by term where nothing is written meanwhile. */
  async countsAreRight(): Promise<boolean> {
    if (!(await this.#totalsAreRight())) return false;
    for (let attempt = 0; attempt < comparedAttempts; attempt += 1) {
      const before = await this.#fingerprint();
      const { counts } = await countTerms(this.database.read);
      const kept = (await this.database.read.query('SELECT hash, chunks FROM term_statistics')) as { hash: number | string; chunks: number | string }[];
      if (before !== (await this.#fingerprint())) continue;
      return kept.every(({ hash, chunks }) => (counts.get(Number(hash)) ?? 0) === Number(chunks));
    }
    return true;
  }

  /** Changes with every passage that comes or goes. */
  async #fingerprint(): Promise<string> {
    return JSON.stringify(
      await this.database.read.query('SELECT count(*) AS n, max(chunk_id) AS newest, sum(chunk_id) AS ids, sum(length) AS terms FROM chunk_terms'),
    );
  }

  /** By their sums, in one look. */
  async #totalsAreRight(): Promise<boolean> {
    const [row] = (await this.database.read.query(
      `SELECT (SELECT count(*) FROM chunk_terms) AS chunks, (SELECT coalesce(sum(length), 0) FROM chunk_terms) AS terms,
              (SELECT coalesce(sum(length(terms) / 5), 0) FROM chunk_terms) AS occurrences, (SELECT coalesce(sum(chunks), 0) FROM term_statistics) AS counted,
              (SELECT coalesce(sum(chunks), 0) FROM full_text_statistics) AS chunks_kept, (SELECT coalesce(sum(terms), 0) FROM full_text_statistics) AS terms_kept`,
    )) as Record<'chunks' | 'terms' | 'occurrences' | 'counted' | 'chunks_kept' | 'terms_kept', number | string>[];
    return (
      !row ||
      (Number(row.chunks) === Number(row.chunks_kept) && Number(row.terms) === Number(row.terms_kept) && Number(row.occurrences) === Number(row.counted))
    );
  }

  /** Keeps other writers from the full text until the transaction ends; SQLite has one writer anyway. */
  async lock(tx: EntityManager): Promise<void> {
    if (this.database.dialect === 'postgres') await tx.query('LOCK TABLE chunk_terms, term_statistics, full_text_statistics IN SHARE ROW EXCLUSIVE MODE');
  }

  /** Counts terms and passages anew from the term vectors, in one transaction. */
  async recount(): Promise<void> {
    await this.database.write(async (tx) => {
      await this.lock(tx);
      const { counts, totals } = await countTerms(tx);
      await tx.query('DELETE FROM term_statistics');
      const sorted = [...counts].sort(([a], [b]) => a - b);
      for (let at = 0; at < sorted.length; at += hashesPerStatement) {
        const values = sorted.slice(at, at + hashesPerStatement).map(([hash, n]) => `(${hash}, ${n})`);
        await tx.query(`INSERT INTO term_statistics (hash, chunks) VALUES ${values.join(', ')}`);
      }
      await tx.query('DELETE FROM full_text_statistics');
      for (const [chunking, { chunks, terms }] of totals)
        await tx.query(`INSERT INTO full_text_statistics (id, chunks, terms) VALUES (${chunking}, ${chunks}, ${terms})`);
    });
    for (const lexicon of this.#lexicons.values()) lexicon.changed();
  }

  /** Merges what the postings have grown in. */
  optimize(): Promise<unknown> {
    return this.database.maintain(this.#postings.optimization);
  }

  /** Reads the postings into memory, and as many term vectors as are kept there, ahead of the first searches. */
  async warm(signal: AbortSignal, lull: Lull): Promise<void> {
    const [newest] = (await this.database.searchRead.query('SELECT max(chunk_id) AS id FROM chunk_terms')) as { id: number | null }[];
    let after = 0;
    // Chunks that come meanwhile are added as they are written.
    while (!signal.aborted && after < (newest?.id ?? 0)) {
      const read = await this.#read(`WHERE chunk_id > ${after} AND chunk_id <= ${newest!.id} ORDER BY chunk_id LIMIT ${warmedAtOnce}`);
      if (read.length === 0) break;
      for (const { chunkId, chunking, terms } of read) this.#memory.add(chunkId, hashesIn(chunking, terms.hashes));
      after = read.at(-1)!.chunkId;
      await lull.come();
    }
    this.#memoryComplete = !signal.aborted;
  }

  /** How many of the chunks can be found by words. */
  async indexed(chunkIds: number[]): Promise<number> {
    return this.#postings.present(
      this.database.searchRead,
      (await this.candidates(chunkIds)).map(({ chunkId }) => chunkId),
    );
  }

  count(): Promise<number> {
    return this.#postings.count(this.database.read);
  }
}

const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
