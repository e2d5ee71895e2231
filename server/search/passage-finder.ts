import { type Settings } from '../config/index.js';
import { admits, type Admitted, type Catalogue, type DocumentCriteria, isNarrowing } from '../documents/index.js';
import { type SearchedIndex } from '../indexing/index.js';
import { type AnswerCache } from '../platform/cache/index.js';
import { type Database } from '../platform/database/index.js';
import { type CandidateChunk, type FullTextIndex } from '../platform/full-text/index.js';
import { type Logger } from '../platform/logging/index.js';
import { type Lull } from '../platform/lull.js';
import { Constraints } from './constraints.js';
import { LexicalSearch, type ScoredChunk } from './lexical-search.js';
import { PassageVectors } from './passage-vectors.js';
import { ProfileStep, SearchProfile } from './profile.js';
import { type ParsedQuery } from './query-language.js';
import { type AdmittedChunk, type Mode, rank, type RankedDocument } from './ranking.js';
import { type Embedded, SemanticSearch } from './semantic-search.js';
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
  /** Documents wanted, so far as there are any. The same ones come first however many are wanted. */
  wanted: number;
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
  /** Whether more candidates may find more documents. */
  more: boolean;
}

interface Words {
  candidates: AdmittedChunk[];
  /** Null where words do not count. */
  score: ((candidate: CandidateChunk) => ScoredChunk) | null;
  spelling: SpellingChange[];
  admits: (candidate: CandidateChunk) => boolean;
  /** Whether every passage was looked at for what is quoted. */
  complete: boolean;
  /** Whether as many candidates were read as might be, so that others may be left. */
  full: boolean;
}

interface Asked {
  question: Question;
  admitted: Admitted;
  /** Null where meaning is not asked for. */
  embedded: Promise<Embedded> | null;
  notices: string[];
  profile: SearchProfile;
}

const japanese = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
const fewestNeighbours = 50;
const mostNeighbours = 5000;
/** Postings read for candidates; words alone have no neighbours to lean on. */
const hybridBudget = 100;
const keywordBudget = 3000;
/** How many times more candidates each further round takes, and the most of them. */
const widening = 4;
const widest = 64;

/**
 * Finds passages by meaning and by words and ranks their documents. The words' candidates are found while the model embeds
 * the query, and compared with it while the vector index answers.
 */
export class PassageFinder {
  readonly #lexical: LexicalSearch;
  readonly #semantic: SemanticSearch;
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
    this.#semantic = new SemanticSearch(parts);
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

  /**
   * Ranks what few candidates find, and only where that is not enough what more of them find besides: one long document may have all
   * of the few, or words to leave out take them. What comes later stands behind, so that all pages are cut from one list.
   */
  async #find(question: Question, profile: SearchProfile): Promise<Finding> {
    const { query, mode, filter, wanted } = question;
    const notices: string[] = [];
    const admitted = profile.timeSync(ProfileStep.ROWS, () => this.parts.catalogue.admitted(filter));
    if (admitted.kind === 'list' && admitted.ids.length === 0)
      return { documents: [], mode, spelling: [], more: false, notices: ['FILTER_MATCHES_NOTHING: No document passes the filters.'] };
    if (mode !== 'KEYWORD' && this.#semantic.shortens(query.text)) notices.push('QUERY_SHORTENED: Only the beginning of the query was read for its meaning.');
    const embedded = mode === 'KEYWORD' ? null : this.#semantic.embedded(query.text, profile);
    const asked = { question, admitted, embedded, notices, profile };
    const finding = await this.#round(asked, mode, 1);
    const known = new Set(finding.documents.map(({ documentId }) => documentId));
    const all = admitted.kind === 'list' ? admitted.ids.length : admitted.kind === 'all' ? this.parts.catalogue.size : Infinity;
    for (let width = widening; finding.more && known.size < Math.min(wanted, all) && width <= widest; width *= widening) {
      const heard: string[] = [];
      const wider = await this.#round({ ...asked, notices: heard }, finding.mode, width);
      if (wider.mode !== finding.mode) {
        // The side of meaning went away between two rounds: said, so that what is there is not taken for all.
        finding.notices.push(...heard);
        return finding;
      }
      for (const document of wider.documents) {
        if (known.has(document.documentId)) continue;
        known.add(document.documentId);
        finding.documents.push(document);
      }
      finding.more = wider.more;
    }
    finding.more &&= known.size < all;
    return finding;
  }

  /** @param width how many times as many candidates as a first page needs */
  async #round({ question, admitted, embedded, notices, profile }: Asked, mode: Mode, width: number): Promise<Finding> {
    const { query, filter, meaningWithinMs } = question;
    const list = admitted.kind === 'list' ? admitted.ids : null;
    const share = admitted.kind === 'share' ? admitted.share : 1;
    const lookUp = (by: Mode) => profile.time(ProfileStep.WORDS, () => this.#words(question, by, { list, share, width }));
    let words = await lookUp(mode);
    const similarities = new Map<number, number>();
    const compare = (chunks: AdmittedChunk[], { vector, model }: { vector: Float32Array; model: string }) =>
      profile.time(ProfileStep.FUSE, () =>
        this.#vectors.similarities(
          vector,
          chunks.map(({ candidate }) => candidate.chunkId),
          model,
          similarities,
        ),
      );
    const lexical = words.candidates;
    const limit = Math.min(mostNeighbours, Math.ceil((fewestNeighbours * width) / Math.max(share, 0.01)));
    const wanted = {
      limit,
      documentIds: list ?? undefined,
      withinMs: meaningWithinMs,
      meanwhile: (meaning: Omit<Embedded, 'collection'>) => compare(lexical, meaning),
    };
    const near = mode === 'KEYWORD' || !embedded ? null : await this.#semantic.near(embedded, wanted, notices, profile);
    const effective: Mode = near === null ? 'KEYWORD' : mode;
    // Without the side of meaning, words are read with the larger budget.
    if (effective !== mode) words = await lookUp(effective);
    const { score, spelling, admits, complete, full } = words;
    if (!complete) notices.push('TOO_COMMON: What is quoted stands in so many passages that not all were looked at; add a rarer word or a filter.');
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
    // All that holds a phrase is there from the first, and where fewer neighbours came than might, every passage is a candidate.
    const more = query.phrases.length === 0 && (near === null ? full : near.neighbours.length >= limit && limit < mostNeighbours);
    return { documents, mode: effective, notices, spelling, more };
  }

  /** The side of words: its candidates, how to score others, and which are ruled out by phrases and words to leave out. */
  async #words({ query, filter }: Question, mode: Mode, { list, share, width }: { list: string[] | null; share: number; width: number }): Promise<Words> {
    const spelling = mode === 'SEMANTIC' ? [] : await this.#spelling.changes(query.text);
    const text = spelling.length > 0 ? `${query.text} ${respelled(query.text, spelling)}` : query.text;
    const lexical =
      mode === 'SEMANTIC' ? null : await this.#lexical.find(text, (mode === 'KEYWORD' ? keywordBudget : hybridBudget) * width, { documentIds: list, share });
    const score = lexical && ((candidate: CandidateChunk) => lexical.words.score(candidate));
    if (query.phrases.length === 0 && query.excluded.length === 0)
      return { candidates: this.#admissible(lexical?.found ?? [], filter), score, spelling, admits: () => true, complete: true, full: lexical?.full ?? false };
    const held = query.phrases.length > 0 ? await this.#constraints.holding(query.phrases, list) : null;
    const phraseIds = held && new Set(held.found.map(({ chunkId }) => chunkId));
    const found = held ? held.found.map((candidate) => score?.(candidate) ?? { candidate, coverage: 0 }) : (lexical?.found ?? []);
    return {
      candidates: await this.#without(query.excluded, this.#admissible(found, filter)),
      score,
      spelling,
      admits: ({ chunkId }) => phraseIds === null || phraseIds.has(chunkId),
      complete: held?.complete ?? true,
      full: lexical?.full ?? false,
    };
  }

  /** Those of documents that hold none of the words. */
  async #without(excluded: string[], chunks: AdmittedChunk[]): Promise<AdmittedChunk[]> {
    if (excluded.length === 0 || chunks.length === 0) return chunks;
    const documents = await this.#constraints.documentsWith(excluded, [...new Set(chunks.map(({ candidate }) => candidate.documentId))]);
    return chunks.filter(({ candidate }) => !documents.has(candidate.documentId));
  }

  /**
   * Documents as the vectors alone rank them, nearest first.
   * @param by the vector index as it is stored, or what answers searches, which are copies of the stored vectors in memory where they fit
   */
  async nearestDocuments(text: string, depth: number, by: 'stored' | 'answering'): Promise<string[]> {
    const { index, fullText } = this.parts;
    const { vector, collection } = await this.#semantic.embedded(text, new SearchProfile());
    const limit = Math.max(fewestNeighbours, depth * 5);
    const neighbours = await (by === 'stored' ? index.vectors.query(collection, vector, limit) : index.nearest(vector, limit, undefined, collection));
    const ids = neighbours.map((neighbour) => Number(neighbour.id));
    const documents = new Map((await fullText.candidates(ids)).map(({ chunkId, documentId }) => [chunkId, documentId]));
    return [...new Set(ids.flatMap((id) => documents.get(id) ?? []))].slice(0, depth);
  }

  /** Those of a query's phrases that no passage of the document holds, and of its words to leave out that it holds. */
  async ruledOutBy(documentId: string, { phrases, excluded }: ParsedQuery): Promise<{ lacks: string[]; holds: string[] }> {
    const { found } = await this.#constraints.holding(phrases, [documentId]);
    const left = await Promise.all(excluded.map(async (word) => ((await this.#constraints.documentsWith([word], [documentId])).size > 0 ? [word] : [])));
    const lacking = async (phrase: string) => ((await this.#constraints.holding([phrase], [documentId])).found.length === 0 ? [phrase] : []);
    const missing = phrases.length > 0 && found.length === 0 ? (await Promise.all(phrases.map(lacking))).flat() : [];
    // Each stands in it, but never all in one passage.
    const lacks = missing.length > 0 || found.length > 0 ? missing : phrases;
    return { lacks, holds: left.flat() };
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
}
