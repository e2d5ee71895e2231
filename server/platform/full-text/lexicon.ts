import { type Database } from '../database/index.js';
import { hashTerm } from '../terms/index.js';
import { type CandidateChunk } from './full-text-index.js';
import { type MemoryPostings } from './memory-postings.js';
import { type Postings } from './postings.js';

export interface CorpusStatistics {
  chunks: number;
  /** Mean number of terms in a chunk. */
  meanLength: number;
}

interface LexiconParts {
  database: Database;
  postings: Postings;
  /** Null until all lists are there. */
  memory: () => MemoryPostings | null;
  candidates: (chunkIds: number[]) => Promise<CandidateChunk[]>;
}

const statisticsTtlMs = 2000;
export const hashesPerStatement = 1000;
/** Which no term holds. */
const separator = '\u{e000}';

/** The chunking that most libraries stay with is written as the words are. */
const plain = 1;

/** What a term is counted under: passages that are cut in different ways do not count together. */
export const hashIn = (chunking: number, hash: number): number => (chunking === plain ? hash : (hash ^ Math.imul(chunking, 0x9e3779b1)) >>> 0);
export const hashesIn = (chunking: number, hashes: Uint32Array): Uint32Array => (chunking === plain ? hashes : hashes.map((hash) => hashIn(chunking, hash)));
/** What a term is listed under. */
export const termIn = (chunking: number, term: string): string => (chunking === plain ? term : `${term}${separator}${chunking}`);

/** The words of the passages of one chunking, as if there were no others. */
export class Lexicon {
  #statistics: { value: Promise<CorpusStatistics>; at: number } | null = null;

  constructor(
    private readonly parts: LexiconParts,
    private readonly chunking: number,
  ) {}

  /** To be called when passages have come or gone. */
  changed(): void {
    this.#statistics = null;
  }

  statistics(): Promise<CorpusStatistics> {
    const now = Date.now();
    if (!this.#statistics || now - this.#statistics.at > statisticsTtlMs) {
      const value = this.#readStatistics();
      value.catch(() => (this.#statistics = null));
      this.#statistics = { value, at: now };
    }
    return this.#statistics.value;
  }

  async #readStatistics(): Promise<CorpusStatistics> {
    const [row] = (await this.parts.database.searchRead.query(`SELECT chunks, terms FROM full_text_statistics WHERE id = ${this.chunking}`)) as {
      chunks: number | string;
      terms: number | string;
    }[];
    const chunks = Number(row?.chunks ?? 0);
    return { chunks, meanLength: chunks > 0 ? Number(row?.terms ?? 0) / chunks : 1 };
  }

  /** In how many chunks each term occurs. */
  async documentFrequencies(terms: string[]): Promise<Map<string, number>> {
    const hashOf = (term: string) => hashIn(this.chunking, hashTerm(term));
    const memory = this.parts.memory();
    if (memory) return new Map(terms.map((term) => [term, memory.count(hashOf(term))]));
    const counts = new Map<number, number>();
    for (let at = 0; at < terms.length; at += hashesPerStatement) {
      const hashes = terms.slice(at, at + hashesPerStatement).map(hashOf);
      const rows = (await this.parts.database.searchRead.query(`SELECT hash, chunks FROM term_statistics WHERE hash IN (${hashes.join(', ')})`)) as {
        hash: number | string;
        chunks: number | string;
      }[];
      for (const { hash, chunks } of rows) counts.set(Number(hash), Number(chunks));
    }
    return new Map(terms.map((term) => [term, Math.max(0, counts.get(hashOf(term)) ?? 0)]));
  }

  /** Chunks that hold any of the terms, at most `limit` that are there, and whether others may be left. */
  async find(terms: string[], limit: number, documentIds: string[] | null): Promise<{ candidates: CandidateChunk[]; full: boolean }> {
    if (terms.length === 0) return { candidates: [], full: false };
    for (let most = limit; ;) {
      const ids = await this.#match(terms, most, documentIds);
      const candidates = await this.parts.candidates(ids);
      const full = ids.length >= most;
      const missing = ids.length - candidates.length;
      if (missing === 0) return { candidates, full };
      // Lists in memory name chunks that are gone, or not there yet.
      const present = new Map(candidates.map((candidate) => [candidate.chunkId, candidate]));
      this.parts.memory()?.missed(ids.filter((id) => !present.has(id)));
      if (!full || candidates.length >= limit) return { candidates: ids.flatMap((id) => present.get(id) ?? []).slice(0, limit), full };
      most = limit + missing;
    }
  }

  async #match(terms: string[], limit: number, documentIds: string[] | null): Promise<number[]> {
    const { memory, postings, database } = this.parts;
    const hashes = terms.map((term) => hashIn(this.chunking, hashTerm(term)));
    const inMemory = documentIds === null ? memory()?.match(hashes, limit) : null;
    if (inMemory) return inMemory;
    return postings.match(
      database.searchRead,
      terms.map((term) => termIn(this.chunking, term)),
      limit,
      documentIds,
    );
  }

  /** Documents of which a chunk holds all of the terms. @param documentIds looked at only; null for all */
  async documentsWith(terms: string[], documentIds: string[] | null): Promise<string[]> {
    const { postings, database } = this.parts;
    if (terms.length === 0) return [];
    return postings.documents(
      database.searchRead,
      terms.map((term) => termIn(this.chunking, term)),
      documentIds,
    );
  }
  /** Term vectors by chunk; ids that are not indexed are left out. */
  candidates(chunkIds: number[]): Promise<CandidateChunk[]> {
    return this.parts.candidates(chunkIds);
  }
}
