import { createHash } from 'node:crypto';
import { type Settings } from '../config/index.js';
import { admits, type Admitted, type Catalogue, type DocumentCriteria, isNarrowing } from '../documents/index.js';
import { type SearchedIndex } from '../indexing/index.js';
import { type AnswerCache } from '../platform/cache/index.js';
import { type Database } from '../platform/database/index.js';
import { type Embedder } from '../platform/embedder/index.js';
import { AppError } from '../platform/errors.js';
import { type CandidateChunk, type FullTextIndex } from '../platform/full-text/index.js';
import { type Logger } from '../platform/logging/index.js';
import { type Lull } from '../platform/lull.js';
import { type Neighbour } from '../platform/vector-index/index.js';
import { Constraints } from './constraints.js';
import { TooLate, within } from './deadline.js';
import { LexicalSearch, type ScoredChunk } from './lexical-search.js';
import { PassageVectors } from './passage-vectors.js';
import { ProfileStep, SearchProfile } from './profile.js';
import { type ParsedQuery } from './query-language.js';
import { type AdmittedChunk, type Mode, rank, type RankedDocument } from './ranking.js';
import { type ShownChunks } from './shown-chunks.js';
import { respelled, Spelling, type SpellingChange } from './spelling.js';

export interface FinderParts {
  settings: Settings;
  database: Database;
  catalogue: Catalogue;
  index: SearchedIndex;
  fullText: FullTextIndex;
  cache: AnswerCache;
  log: Logger;
}

export interface Question {
  query: ParsedQuery;
  mode: Mode;
  filter: DocumentCriteria;
  /** Documents wanted from the top. */
  depth: number;
  /** How long the side of meaning may take before words alone answer, ms; for good where it is left out. */
  meaningWithinMs?: number;
}

export interface Finding {
  documents: RankedDocument[];
  /** KEYWORD where the side of meaning could not answer. */
  mode: Mode;
  notices: string[];
  /** Words that were looked for in another spelling. */
  spelling: SpellingChange[];
}

interface Embedded {
  vector: Float32Array;
  model: string;
  collection: string;
}

interface Words {
  candidates: AdmittedChunk[];
  /** Null where words do not count. */
  score: ((candidate: CandidateChunk) => ScoredChunk) | null;
  spelling: SpellingChange[];
  admits: (candidate: CandidateChunk) => boolean;
  /** Whether every passage was looked at for what is quoted. */
  complete: boolean;
}

interface Near {
  vector: Float32Array;
  neighbours: Neighbour[];
  model: string;
}

interface Asked {
  question: Question;
  admitted: Admitted;
  notices: string[];
  profile: SearchProfile;
}

type Meanwhile = (meaning: { vector: Float32Array; model: string }) => Promise<void>;

/** About as much as the model reads. */
const longestMeaning = 1500;
const japanese = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
const fewestNeighbours = 50;
const mostNeighbours = 5000;
/** Postings read for candidates; words alone have no neighbours to lean on. */
const hybridBudget = 100;
const keywordBudget = 3000;

/**
 * Finds passages by meaning and by words and ranks their documents. The words' candidates are found while the model embeds
 * the query, and compared with it while the vector index answers.
 */
export class PassageFinder {
  readonly #lexical: LexicalSearch;
  readonly #vectors: PassageVectors;
  readonly #spelling: Spelling;
  readonly #constraints: Constraints;

  constructor(
    private readonly parts: FinderParts,
    chunks: ShownChunks,
  ) {
    const lexicon = () => parts.fullText.of(parts.index.active.chunking);
    this.#spelling = new Spelling(lexicon, chunks);
    this.#constraints = new Constraints({ lexicon, chunking: () => parts.index.active.chunking, chunks, catalogue: parts.catalogue });
    this.#lexical = new LexicalSearch(lexicon);
    this.#vectors = new PassageVectors(parts.database);
    parts.index.onRefined((model, chunkIds) => this.#vectors.forget(model, chunkIds));
  }

  /** Reads ahead what searches need, so that the first ones are as fast as the later. */
  async warm(signal: AbortSignal, lull: Lull): Promise<void> {
    await this.parts.fullText.warm(signal, lull);
    await this.#vectors.warm(this.parts.index.active, signal, lull);
  }

  async find(question: Question, profile: SearchProfile): Promise<Finding> {
    for (;;) {
      const { chunking } = this.parts.index.active;
      const finding = await this.#find(question, profile);
      // Other passages answer by now: what was found are some of each.
      if (this.parts.index.active.chunking === chunking) return finding;
    }
  }

  async #find(question: Question, profile: SearchProfile): Promise<Finding> {
    const { query, mode, filter } = question;
    const notices: string[] = [];
    const admitted = profile.timeSync(ProfileStep.ROWS, () => this.parts.catalogue.admitted(filter));
    if (admitted.kind === 'list' && admitted.ids.length === 0)
      return { documents: [], mode, spelling: [], notices: ['FILTER_MATCHES_NOTHING: No document passes the filters.'] };
    if (query.text.length > longestMeaning && mode !== 'KEYWORD') notices.push('QUERY_SHORTENED: Only the beginning of the query was read for its meaning.');
    const list = admitted.kind === 'list' ? admitted.ids : null;
    const embedded = mode === 'KEYWORD' ? null : this.#embedded(query.text, profile);
    const lookUp = (by: Mode) => profile.time(ProfileStep.WORDS, () => this.#words(query, by, list, filter));
    let words = await lookUp(mode);
    const similarities = new Map<number, number>();
    const compare = (chunks: AdmittedChunk[], { vector, model }: Omit<Near, 'neighbours'>) =>
      profile.time(ProfileStep.FUSE, () =>
        this.#vectors.similarities(
          vector,
          chunks.map(({ candidate }) => candidate.chunkId),
          model,
          similarities,
        ),
      );
    const lexical = words.candidates;
    const near = embedded && (await this.#meaning(embedded, { question, admitted, notices, profile }, (meaning) => compare(lexical, meaning)));
    const effective: Mode = near === null ? 'KEYWORD' : mode;
    // Without the side of meaning, words are read with the larger budget.
    if (effective !== mode) words = await lookUp(effective);
    const { score, spelling, admits } = words;
    if (!words.complete) notices.push('TOO_COMMON: What is quoted stands in so many passages that not all were looked at; add a rarer word or a filter.');
    let { candidates } = words;
    if (near) {
      const known = new Set(candidates.map(({ candidate }) => candidate.chunkId));
      const ids = near.neighbours.map((neighbour) => Number(neighbour.id)).filter((id) => !known.has(id));
      const others = await profile.time(ProfileStep.WORDS, async () => {
        const found = (await this.parts.fullText.candidates(ids)).map((candidate) => score?.(candidate) ?? { candidate, coverage: 0 });
        return this.#without(
          query.excluded,
          this.#admissible(found, filter).filter(({ candidate }) => admits(candidate)),
        );
      });
      await compare(others, near);
      candidates = [...candidates, ...others];
    }
    const isJapanese = japanese.test(query.text);
    const documents = profile.timeSync(ProfileStep.FUSE, () => rank(effective, similarities, candidates, isJapanese));
    return { documents, mode: effective, notices, spelling };
  }

  /** The side of words: its candidates, how to score others, and which are ruled out by phrases and words to leave out. */
  async #words(query: ParsedQuery, mode: Mode, list: string[] | null, filter: DocumentCriteria): Promise<Words> {
    const spelling = mode === 'SEMANTIC' ? [] : await this.#spelling.changes(query.text);
    const text = spelling.length > 0 ? `${query.text} ${respelled(query.text, spelling)}` : query.text;
    const lexical = mode === 'SEMANTIC' ? null : await this.#lexical.find(text, mode === 'KEYWORD' ? keywordBudget : hybridBudget, list);
    const score = lexical && ((candidate: CandidateChunk) => lexical.words.score(candidate));
    if (query.phrases.length === 0 && query.excluded.length === 0)
      return { candidates: this.#admissible(lexical?.found ?? [], filter), score, spelling, admits: () => true, complete: true };
    const held = query.phrases.length > 0 ? await this.#constraints.holding(query.phrases, list) : null;
    const phraseIds = held && new Set(held.found.map(({ chunkId }) => chunkId));
    const found = held ? held.found.map((candidate) => score?.(candidate) ?? { candidate, coverage: 0 }) : (lexical?.found ?? []);
    return {
      candidates: await this.#without(query.excluded, this.#admissible(found, filter)),
      score,
      spelling,
      admits: ({ chunkId }) => phraseIds === null || phraseIds.has(chunkId),
      complete: held?.complete ?? true,
    };
  }

  /** Those of documents that hold none of the words. */
  async #without(excluded: string[], chunks: AdmittedChunk[]): Promise<AdmittedChunk[]> {
    if (excluded.length === 0 || chunks.length === 0) return chunks;
    const documents = await this.#constraints.documentsWith(excluded, [...new Set(chunks.map(({ candidate }) => candidate.documentId))]);
    return chunks.filter(({ candidate }) => !documents.has(candidate.documentId));
  }

  async nearestDocuments(text: string, depth: number): Promise<string[]> {
    const { vector, collection } = await this.#embedded(text, new SearchProfile());
    const neighbours = await this.parts.index.vectors.query(collection, vector, Math.max(fewestNeighbours, depth * 5));
    const ids = neighbours.map((neighbour) => Number(neighbour.id));
    const documents = new Map((await this.parts.fullText.candidates(ids)).map(({ chunkId, documentId }) => [chunkId, documentId]));
    return [...new Set(ids.flatMap((id) => documents.get(id) ?? []))].slice(0, depth);
  }

  /** Those of documents that answer and pass the filter. */
  #admissible(chunks: ScoredChunk[], filter: DocumentCriteria): AdmittedChunk[] {
    const { catalogue, index } = this.parts;
    const narrows = isNarrowing(filter);
    return chunks.flatMap(({ candidate, coverage }) => {
      const { documentId, revision } = candidate;
      const facts = catalogue.facts(documentId);
      if (!facts || (index.revisions?.get(documentId) ?? facts.revision) !== revision || (narrows && !admits(filter, facts))) return [];
      return { candidate, coverage, isJapanese: facts.language === 'ja' };
    });
  }

  /** Takes model and collection in the same moment, so that a change of model never comes between them. */
  #embedded(query: string, profile: SearchProfile): Promise<Embedded> {
    const { collection, embedder, model } = this.parts.index.serving;
    const vector = profile.time(ProfileStep.EMBED, () => this.#embed(query.slice(0, longestMeaning), embedder));
    const embedded = vector.then((value) => ({ vector: value, model, collection }));
    embedded.catch(() => undefined); // Awaited after the words' side is done.
    return embedded;
  }

  /**
   * @param meanwhile done while the vector index answers
   * @returns null where the vector side cannot answer; the notice says why
   */
  async #meaning(embedded: Promise<Embedded>, { question, admitted, notices, profile }: Asked, meanwhile: Meanwhile): Promise<Near | null> {
    const documentIds = admitted.kind === 'list' ? admitted.ids : undefined;
    const neighbours = async (): Promise<Near> => {
      const { vector, model, collection } = await embedded;
      const limit = neighboursFor(question.depth, admitted);
      const asked = profile.time(ProfileStep.VECTORS, () => this.parts.index.nearest(vector, limit, documentIds, collection));
      const [found] = await Promise.all([asked, meanwhile({ vector, model })]);
      return { vector, neighbours: found, model };
    };
    try {
      return await within(neighbours(), question.meaningWithinMs);
    } catch (error) {
      const { index } = this.parts;
      if (!index.embedder) notices.push('MODEL_UNAVAILABLE: The embedding model is not available; passages were found by words only.');
      else if (error instanceof TooLate) notices.push('MEANING_LATE: The search by meaning took too long; passages were found by words only.');
      else if (!index.vectors.available || (error instanceof AppError && error.code === 'UNAVAILABLE'))
        notices.push('VECTOR_INDEX_DOWN: The vector index is down; passages were found by words only.');
      else {
        notices.push('VECTOR_SEARCH_FAILED: The search by meaning failed; passages were found by words only.');
        this.parts.log.error({ err: error }, 'the search by meaning failed');
      }
      return null;
    }
  }

  async #embed(query: string, embedder: Embedder | null): Promise<Float32Array> {
    if (!embedder)
      throw new AppError('UNAVAILABLE', {
        en: `The embedding model is not available: ${this.parts.index.embedderFailure ?? 'it is being loaded'}.`,
        ja: `埋め込みモデルを使えません: ${this.parts.index.embedderFailure ?? '読み込み中です'}。`,
      });
    const key = `${embedder.model}:${createHash('sha1').update(query).digest('base64url')}`;
    const found = this.parts.cache.get('embedding', key);
    // The model begins before the words are looked for, which would keep it waiting.
    const kept = found instanceof Promise ? await found : found;
    if (kept) return new Float32Array(new Uint8Array(kept).buffer);
    const vector = await embedder.embedQuery(query);
    await this.parts.cache.set('embedding', key, Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength));
    return vector;
  }
}

function neighboursFor(documents: number, admitted: Admitted): number {
  const atLeast = Math.max(fewestNeighbours, documents * 2);
  return Math.min(mostNeighbours, admitted.kind === 'share' ? Math.ceil(atLeast / Math.max(admitted.share, 0.01)) : atLeast);
}
