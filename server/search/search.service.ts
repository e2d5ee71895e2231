import { createHash } from 'node:crypto';
import { type DocumentCriteria, type DocumentWithTags } from '../documents/index.js';
import { type KnowledgeIndex, type SearchedIndex } from '../indexing/index.js';
import { type BlobStore } from '../platform/blobs/index.js';
import { AppError, badInput } from '../platform/errors.js';
import { decodeCursor, encodeCursor, pageSize } from '../platform/http/graphql-types.js';
import { tellSlow } from '../platform/logging/index.js';
import { type Lull } from '../platform/lull.js';
import { type Hit, HitRenderer } from './hit-renderer.js';
import { type FinderParts, PassageFinder } from './passage-finder.js';
import { ProfileStep, SearchProfile } from './profile.js';
import { type ParsedQuery, parseQuery, type QueryPart, QueryPartKind } from './query-language.js';
import { fillRanks, type Mode } from './ranking.js';
import { type SearchMeter } from './search-meter.js';
import { type SearchResultType } from './search.type.js';
import { ShownChunks } from './shown-chunks.js';
import { SimilarDocuments } from './similar-documents.js';
import { SnippetQuery } from './snippet.js';
import { respelled } from './spelling.js';
import { type Visibility, VisibilityService } from './visibility.js';

export interface SearchParts extends FinderParts {
  index: KnowledgeIndex;
  blobs: BlobStore;
  meter: SearchMeter;
  /** What can wait stands back from searches. */
  lull: Lull;
}

export interface SearchRequest {
  query: string;
  first: number;
  after: string | null;
  mode: Mode;
  filter: DocumentCriteria;
}

interface Page {
  hits: Hit[];
  totalCount: number;
  mode: Mode;
  notices: string[];
  endCursor: string | null;
  understood: QueryPart[];
  suggestion: string | null;
}

/** A page that came from the cache, and what it stands under there. */
export interface KeptPage {
  readonly key: string;
  readonly page: object;
  /** Of the catalogue, when its documents were read. */
  readonly revision: string;
  readonly mode: Mode;
  readonly empty: boolean;
}

/** A search's answer, and the page of the cache it was made from. */
export type Answer = SearchResultType & { from: KeptPage | null };

interface Complete {
  hits: SearchResultType['hits'];
  /** Of the catalogue, before its documents were read. */
  revision: string;
}

const longestQuery = 10_000;
/** Longer questions are kept under their hash. */
const longestKey = 300;
const deepest = 1000;
/** Fewer documents than these on a first page, and more candidates are looked at. */
const fewHits = 3;
/** Who asks for more at once wants them. */
const usualPage = 10;

const isOffset = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= deepest;

/** Answers questions with documents and their passages. A part that is down takes its side of the answer with it, and the answer says so. */
export class SearchService {
  readonly #finder: PassageFinder;
  readonly #renderer: HitRenderer;
  readonly #running = new Map<string, Promise<Page>>();
  /** Pages by the bytes they were read from, and hits with their documents by page: a cache in memory hands out the same bytes again. */
  readonly #read = new WeakMap<Buffer, Page>();
  readonly #complete = new WeakMap<Page, Complete>();
  /** Counts finer vectors that came: with them an answer can be another one. */
  #refinements = 0;

  readonly #visibility: VisibilityService;
  readonly #similar: SimilarDocuments;

  constructor(private readonly parts: SearchParts) {
    const chunks = new ShownChunks(parts.database, parts.fullText);
    this.#renderer = new HitRenderer(chunks, parts.catalogue);
    this.#finder = new PassageFinder(parts, chunks);
    parts.index.onRefined(() => (this.#refinements += 1));
    this.#visibility = new VisibilityService({ ...parts, finder: this.#finder });
    this.#similar = new SimilarDocuments(parts);
  }

  /** Reads ahead what searches need, so that the first ones are as fast as the later. */
  async warm(signal: AbortSignal): Promise<void> {
    const { lull } = this.parts;
    await this.#finder.warm(signal, lull);
    await this.#renderer.warm(this.parts.index.active.chunking, signal, lull);
  }

  search(request: SearchRequest): Promise<Answer> {
    return this.parts.lull.during(() => this.#search(request));
  }

  async #search(request: SearchRequest): Promise<Answer> {
    const started = performance.now();
    const profile = new SearchProfile();
    const query = profile.timeSync(ProfileStep.NORMALISE, () => request.query.normalize('NFKC').replace(/\s+/g, ' ').trim());
    if (query === '')
      throw badInput({ en: 'The query is empty.', ja: '検索語が空です。' }, { en: 'Write what you are looking for.', ja: '探す言葉を書いてください。' });
    if (query.length > longestQuery)
      throw badInput(
        {
          en: `The query has ${query.length} characters; ${longestQuery} can be answered.`,
          ja: `検索語は ${longestQuery} 文字までです（${query.length} 文字）。`,
        },
        { en: 'Shorten it.', ja: '短くしてください。' },
      );
    const first = pageSize(request.first);
    const offset = decodeCursor(request.after, isOffset) ?? 0;
    await this.parts.catalogue.refresh();
    const key = `${this.#version()}:${nameOf(query, first, offset, request)}`;
    const kept = await profile.time(ProfileStep.CACHE, () => this.#cached(key));
    const page = kept ?? (await this.#once(key, () => this.#find(query, first, offset, request, profile)));
    const { hits, revision } = await this.#withDocuments(page, profile);
    const tookMs = performance.now() - started;
    this.parts.meter.record({ tookMs, mode: page.mode, steps: profile.steps(), cached: kept !== null, empty: hits.length === 0 });
    if (tookMs > this.parts.settings.SLOW_QUERY_THRESHOLD * 1000) {
      const told = { event: 'slow_query', tookMs: Math.round(tookMs), mode: page.mode, queryLength: query.length, steps: profile.steps() };
      this.parts.log.warn(told, 'a search was slow');
      tellSlow();
    }
    return {
      from: kept && { key, page, revision, mode: page.mode, empty: hits.length === 0 },
      hits,
      totalCount: page.totalCount,
      tookMs,
      mode: page.mode,
      cached: kept !== null,
      notices: page.notices,
      endCursor: page.endCursor,
      understood: page.understood,
      suggestion: page.suggestion,
      // Asked for by few.
      get profile() {
        return profile.steps();
      },
    };
  }

  /** What documents are may change while which ones answer does not: a title, a state. */
  async #withDocuments(page: Page, profile: SearchProfile): Promise<Complete> {
    const { revision } = this.parts.catalogue;
    const known = this.#complete.get(page);
    if (known?.revision === revision) return known;
    const documents = await profile.time(ProfileStep.ROWS, () => this.parts.catalogue.get(page.hits.map((hit) => hit.documentId)));
    const hits = page.hits.flatMap(({ documentId, ...hit }) => {
      const document = documents.get(documentId);
      return document ? [{ ...hit, document }] : [];
    });
    const complete = { hits, revision };
    this.#complete.set(page, complete);
    return complete;
  }

  /** Whether the cache still has the page, under the present state of the library. */
  async isStill({ key, page, revision }: KeptPage): Promise<boolean> {
    const { catalogue } = this.parts;
    await catalogue.refresh();
    return revision === catalogue.revision && key.startsWith(`${this.#version()}:`) && (await this.#cached(key)) === page;
  }

  /** An answer that was sent again is a search as well. */
  answeredAgain({ mode, empty }: Omit<KeptPage, 'page'>, tookMs: number): void {
    this.parts.meter.record({ tookMs, mode, steps: [{ step: ProfileStep.CACHE, ms: tookMs }], cached: true, empty });
  }

  /** An answer is another answer when the library or the index changes. */
  #version(): string {
    return `${this.parts.catalogue.version}:${this.parts.index.active.number}.${this.#refinements}`;
  }

  async #cached(key: string): Promise<Page | null> {
    const bytes = await this.parts.cache.get('search', key);
    if (!bytes) return null;
    let page = this.#read.get(bytes);
    if (!page) this.#read.set(bytes, (page = JSON.parse(bytes.toString()) as Page));
    return page;
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
      if (found.notices.length === 0 && this.parts.cache.keeps('search')) await this.parts.cache.set('search', key, Buffer.from(JSON.stringify(found)));
      return found;
    } finally {
      this.#running.delete(key);
    }
  }

  async #find(query: string, first: number, offset: number, { mode, filter }: SearchRequest, profile: SearchProfile): Promise<Page> {
    const parsed = profile.timeSync(ProfileStep.NORMALISE, () => this.#parse(query));
    const meaningWithinMs = this.parts.settings.SEARCH_MEANING_TIMEOUT_MS;
    const question = { query: parsed, mode, filter: { ...filter, and: [parsed.filter] }, wanted: wantedOf(parsed, first, offset), meaningWithinMs };
    const finding = this.#finder.find(question, profile);
    // While the model reads the query.
    const asked = profile.timeSync(ProfileStep.RENDER, () => new SnippetQuery(parsed.text));
    const { documents, mode: effective, notices, spelling, more } = await finding;
    const wanted = spelling.length > 0 ? new SnippetQuery([parsed.text, ...spelling.map(({ to }) => to)].join(' ')) : asked;
    if (documents.length === 0 && notices.length === 0) notices.push('NOTHING_FOUND: No passage matches.');
    const page = documents.slice(offset, offset + first);
    profile.timeSync(ProfileStep.FUSE, () => fillRanks(documents, page));
    const next = offset + page.length;
    return {
      hits: await this.#renderer.render(page, wanted, profile),
      totalCount: documents.length,
      mode: effective,
      notices,
      endCursor: (page.length > 0 || notices.length > 0) && (next < documents.length || more) && next <= deepest ? encodeCursor(next) : null,
      understood: [...parsed.parts, ...spelling.map(({ from, to }) => ({ kind: QueryPartKind.VARIANT, text: `${from} → ${to}` }))],
      suggestion: spelling.length > 0 ? respelled(query, spelling) : null,
    };
  }

  /** Why a document is, or is not, in the answer to a query. */
  explain(documentId: string, query: string, mode: Mode, filter: DocumentCriteria): Promise<Visibility> {
    return this.#visibility.explain(documentId, query, mode, filter);
  }

  #parse(query: string): ParsedQuery {
    return parseQuery(query, this.parts.settings.TIME_ZONE);
  }

  /** Throws AppError BAD_USER_INPUT for a query that cannot be read. */
  check(query: string): void {
    this.#parse(query);
  }

  /** Documents of a hybrid search, best first, from the live index and no cache. */
  async rankedDocuments(query: string, depth: number, finder = this.#finder): Promise<string[]> {
    const parsed = this.#parse(query);
    await this.parts.catalogue.refresh();
    const { documents, mode } = await finder.find(
      { query: parsed, mode: 'HYBRID', filter: parsed.filter, wanted: wantedOf(parsed, depth, 0) },
      new SearchProfile(),
    );
    // Answers by words only would be compared with others.
    if (mode !== 'HYBRID')
      throw new AppError(
        'UNAVAILABLE',
        { en: 'The search by meaning does not answer.', ja: '意味による検索が使えません。' },
        { en: 'Look at the health page.', ja: '稼働状況を確認してください。' },
      );
    return documents.slice(0, depth).map(({ documentId }) => documentId);
  }

  /** The same over another index. */
  over(index: SearchedIndex): (query: string, depth: number) => Promise<string[]> {
    const finder = new PassageFinder({ ...this.parts, index }, new ShownChunks(this.parts.database, this.parts.fullText));
    return (query, depth) => this.rankedDocuments(query, depth, finder);
  }

  /** Documents as vectors alone rank them, nearest first: what they say, unmended by words or finer vectors. */
  nearestDocuments(query: string, depth: number, by: 'stored' | 'answering'): Promise<string[]> {
    return this.#finder.nearestDocuments(this.#parse(query).text, depth, by);
  }

  /** Documents whose passages lie nearest to the middle of this one's. */
  similar(id: string, first: number): Promise<DocumentWithTags[]> {
    return this.#similar.to(id, first);
  }
}

/**
 * How many documents are looked for: a few are enough to begin with, which a search as wide as for a full page would only make slow,
 * unless words to leave out may have taken the best.
 */
function wantedOf({ excluded }: ParsedQuery, first: number, offset: number): number {
  return offset > 0 || excluded.length > 0 || first > usualPage ? first + offset : Math.min(first, fewHits);
}

function nameOf(query: string, first: number, offset: number, { mode, filter }: SearchRequest): string {
  const question = JSON.stringify([query, first, offset, mode, filter]);
  return question.length <= longestKey ? question : createHash('sha1').update(question).digest('base64url');
}
