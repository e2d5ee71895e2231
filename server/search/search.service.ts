import { createHash } from 'node:crypto';
import { type Settings } from '../config/index.js';
import { admits, type Admitted, type Catalogue, ChunkEntity, chunkView, type DocumentCriteria, type DocumentWithTags } from '../documents/index.js';
import { type KnowledgeIndex } from '../indexing/index.js';
import { type Cache } from '../platform/cache/index.js';
import { type Database } from '../platform/database/index.js';
import { AppError, badInput, notFound } from '../platform/errors.js';
import { type Embedder } from '../platform/embedder/index.js';
import { type FullTextIndex } from '../platform/full-text/index.js';
import { decodeCursor, encodeCursor, pageSize } from '../platform/http/graphql-types.js';
import { type Logger } from '../platform/logging/index.js';
import { type Neighbour } from '../platform/vector-index/index.js';
import { LexicalSearch } from './lexical-search.js';
import { type Mode, rank, type RankedChunk, type RankedDocument } from './ranking.js';
import { type SearchMeter } from './search-meter.js';
import { type SearchHitType, type SearchResultType } from './search.type.js';
import { snippetOf } from './snippet.js';

export interface SearchRequest {
  query: string;
  first: number;
  after: string | null;
  mode: Mode;
  filter: DocumentCriteria;
}

export interface SearchParts {
  settings: Settings;
  database: Database;
  catalogue: Catalogue;
  index: KnowledgeIndex;
  fullText: FullTextIndex;
  cache: Cache;
  meter: SearchMeter;
  log: Logger;
}

type Hit = Omit<SearchHitType, 'document'> & { documentId: string };
interface Page {
  hits: Hit[];
  totalCount: number;
  mode: Mode;
  notices: string[];
  endCursor: string | null;
}

const longestQuery = 10_000;
/** About as much as the model reads. */
const longestMeaning = 1500;
const neighbours = 100;
const mostNeighbours = 5000;
/** Postings read for candidates; words alone have no neighbours to lean on. */
const hybridBudget = 500;
const keywordBudget = 3000;
const mostOtherPassages = 3;
const deepest = 1000;

const isOffset = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= deepest;

/** Finds passages by meaning and by words. A part that is down takes its side of the answer with it, and the answer says so. */
export class SearchService {
  readonly #lexical: LexicalSearch;
  readonly #running = new Map<string, Promise<Page>>();

  constructor(private readonly parts: SearchParts) {
    this.#lexical = new LexicalSearch(parts.fullText);
  }

  async search(request: SearchRequest): Promise<SearchResultType> {
    const started = performance.now();
    const query = request.query.normalize('NFKC').replace(/\s+/g, ' ').trim();
    if (query === '') throw badInput('The query is empty.', 'Write what you are looking for.');
    if (query.length > longestQuery) throw badInput(`The query has ${query.length} characters; ${longestQuery} can be answered.`, 'Shorten it.');
    const first = pageSize(request.first);
    const offset = decodeCursor(request.after, isOffset) ?? 0;
    const key = this.#key(query, first, offset, request);
    const kept = await this.#cached(key);
    const page = kept ?? (await this.#once(key, () => this.#find(query, first, offset, request)));
    const documents = await this.parts.catalogue.get(page.hits.map((hit) => hit.documentId));
    const hits = page.hits.flatMap(({ documentId, ...hit }) => {
      const document = documents.get(documentId);
      return document ? [{ ...hit, document }] : [];
    });
    const tookMs = performance.now() - started;
    this.parts.meter.record({ tookMs, cached: kept !== null, empty: hits.length === 0 });
    if (tookMs > this.parts.settings.SLOW_QUERY_THRESHOLD * 1000) this.parts.log.warn({ event: 'slow_query', tookMs: Math.round(tookMs), mode: page.mode, queryLength: query.length }, 'a search was slow');
    return { hits, totalCount: page.totalCount, tookMs, mode: page.mode, cached: kept !== null, notices: page.notices, endCursor: page.endCursor };
  }

  /** An answer is another answer when the library, the index or the question changes. */
  #key(query: string, first: number, offset: number, { mode, filter }: SearchRequest): string {
    const { active } = this.parts.index;
    const question = JSON.stringify([query, first, offset, mode, filter]);
    return `search:${this.parts.catalogue.version}:${active.number}:${createHash('sha1').update(question).digest('base64url')}`;
  }

  async #cached(key: string): Promise<Page | null> {
    const bytes = await this.parts.cache.get(key);
    return bytes ? (JSON.parse(bytes.toString()) as Page) : null;
  }

  /** The same question asked by many at once is answered once. */
  async #once(key: string, find: () => Promise<Page>): Promise<Page> {
    const running = this.#running.get(key);
    if (running) return running;
    const page = find();
    this.#running.set(key, page);
    try {
      const found = await page;
      // An answer from half of the parts must not outlive their return.
      if (found.notices.length === 0) await this.parts.cache.set(key, Buffer.from(JSON.stringify(found)), this.parts.settings.CACHE_SEARCH_TTL);
      return found;
    } finally {
      this.#running.delete(key);
    }
  }

  async #find(query: string, first: number, offset: number, { mode, filter }: SearchRequest): Promise<Page> {
    const notices: string[] = [];
    const admitted = await this.parts.catalogue.admitted(filter);
    if (admitted.kind === 'list' && admitted.ids.length === 0) {
      return { hits: [], totalCount: 0, mode, endCursor: null, notices: ['FILTER_MATCHES_NOTHING: No document passes the filters.'] };
    }
    if (query.length > longestMeaning && mode !== 'KEYWORD') notices.push('QUERY_SHORTENED: Only the beginning of the query was read for its meaning.');
    const list = admitted.kind === 'list' ? admitted.ids : null;
    const budget = mode === 'KEYWORD' ? keywordBudget : hybridBudget;
    let [nearest, lexical] = await Promise.all([
      mode === 'KEYWORD' ? null : this.#nearest(query, wanted(first + offset, admitted), list, notices),
      mode === 'SEMANTIC' ? null : this.#lexical.find(query, budget, list),
    ]);
    const effective: Mode = nearest === null ? 'KEYWORD' : mode;
    if (effective === 'KEYWORD' && mode !== 'KEYWORD') lexical = await this.#lexical.find(query, keywordBudget, list);
    nearest ??= [];
    const neighbourIds = nearest.map((neighbour) => Number(neighbour.id));
    const candidates = lexical ? await this.#lexical.withNeighbours(lexical, neighbourIds) : await this.parts.fullText.candidates(neighbourIds);
    const documents = await this.parts.catalogue.get(candidates.map((candidate) => candidate.documentId));
    const ranked = rank(effective, nearest, lexical, candidates, ({ documentId, revision }) => {
      const document = documents.get(documentId);
      return document !== undefined && document.revision === revision && admits(filter, document);
    });
    if (ranked.length === 0 && notices.length === 0) notices.push('NOTHING_FOUND: No passage matches.');
    const page = ranked.slice(offset, offset + first);
    const next = offset + page.length;
    return {
      hits: await this.#render(page, query),
      totalCount: ranked.length,
      mode: effective,
      notices,
      endCursor: next < ranked.length && next <= deepest ? encodeCursor(next) : null,
    };
  }

  /** @returns null where the vector side cannot answer; the notice says why */
  async #nearest(query: string, limit: number, documentIds: string[] | null, notices: string[]): Promise<Neighbour[] | null> {
    try {
      const { collection, embedder } = this.parts.index.serving;
      const vector = await this.#embed(query, embedder);
      return await this.parts.index.nearest(vector, limit, documentIds ?? undefined, collection);
    } catch (error) {
      const { index } = this.parts;
      if (!index.embedder) notices.push('MODEL_UNAVAILABLE: The embedding model is not available; passages were found by words only.');
      else if (!index.vectors.available || (error instanceof AppError && error.code === 'UNAVAILABLE')) notices.push('VECTOR_INDEX_DOWN: The vector index is down; passages were found by words only.');
      else {
        notices.push('VECTOR_SEARCH_FAILED: The search by meaning failed; passages were found by words only.');
        this.parts.log.error({ err: error }, 'the search by meaning failed');
      }
      return null;
    }
  }

  async #embed(query: string, embedder: Embedder | null): Promise<Float32Array> {
    if (!embedder) throw new AppError('UNAVAILABLE', `The embedding model is not available: ${this.parts.index.embedderFailure ?? 'it is being loaded'}.`);
    const key = `embedding:${embedder.model}:${createHash('sha1').update(query).digest('base64url')}`;
    const kept = await this.parts.cache.get(key);
    if (kept) return new Float32Array(new Uint8Array(kept).buffer);
    const vector = await embedder.embedQuery(query);
    await this.parts.cache.set(key, Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength), this.parts.settings.CACHE_EMBEDDING_TTL);
    return vector;
  }

  async #render(documents: RankedDocument[], query: string): Promise<Hit[]> {
    const shown = documents.map((document) => document.chunks.slice(0, 1 + mostOtherPassages));
    const rows = await this.#chunks(shown.flat().map((chunk) => chunk.chunkId));
    return shown.flatMap(([best, ...others]) => {
      const chunk = best && rows.get(best.chunkId);
      if (!chunk) return [];
      const snippet = snippetOf(chunk.text, query);
      return [
        {
          documentId: chunk.documentId,
          chunk: chunkView(chunk),
          otherPassages: others.flatMap((other) => rows.get(other.chunkId) ?? []).map(chunkView),
          score: best.score,
          snippet: snippet.text,
          highlights: snippet.highlights,
          pageFrom: chunk.pageFrom,
          headingPath: chunk.headingPath,
          explanation: explain(best, snippet.matchedWords),
        },
      ];
    });
  }

  async #chunks(ids: number[]): Promise<Map<number, ChunkEntity>> {
    if (ids.length === 0) return new Map();
    const rows = await this.parts.database.searchRead.createQueryBuilder(ChunkEntity, 'chunk').where('chunk.id IN (:...ids)', { ids }).getMany();
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** Documents whose passages lie nearest to the middle of this one's. */
  async similar(id: string, first: number): Promise<DocumentWithTags[]> {
    const size = pageSize(first);
    const document = (await this.parts.catalogue.get([id])).get(id);
    if (!document) throw notFound('document', id);
    const rows = await this.parts.database.searchRead.find(ChunkEntity, { where: { documentId: id, revision: document.revision }, select: { id: true }, order: { ordinal: 'ASC' }, take: 64 });
    const vectors = [...(await this.parts.index.storedVectors(rows.map((row) => row.id))).values()];
    if (vectors.length === 0) return [];
    const found = await this.parts.index.nearest(mean(vectors), Math.min(mostNeighbours, size * 10 + document.chunkCount));
    const candidates = await this.parts.fullText.candidates(found.map((neighbour) => Number(neighbour.id)));
    const byChunk = new Map(candidates.map((candidate) => [candidate.chunkId, candidate]));
    const documents = await this.parts.catalogue.get(candidates.map((candidate) => candidate.documentId));
    const similar = new Map<string, DocumentWithTags>();
    for (const neighbour of found) {
      const candidate = byChunk.get(Number(neighbour.id));
      const other = candidate && documents.get(candidate.documentId);
      if (other && other.id !== id && other.revision === candidate.revision && !similar.has(other.id)) similar.set(other.id, other);
      if (similar.size === size) break;
    }
    return [...similar.values()];
  }
}

function wanted(documents: number, admitted: Admitted): number {
  const atLeast = Math.max(neighbours, documents * 2);
  return Math.min(mostNeighbours, admitted.kind === 'share' ? Math.ceil(atLeast / Math.max(admitted.share, 0.01)) : atLeast);
}

function explain(chunk: RankedChunk, matchedTerms: string[]): SearchHitType['explanation'] {
  const { semanticScore, semanticRank, lexicalScore, lexicalRank, score } = chunk;
  return { semanticScore, semanticRank, lexicalScore, lexicalRank, matchedTerms, fusedScore: score };
}

function mean(vectors: Float32Array[]): Float32Array {
  const sum = new Float32Array(vectors[0]!.length);
  for (const vector of vectors) for (let i = 0; i < sum.length; i++) sum[i]! += vector[i]! / vectors.length;
  return sum;
}
