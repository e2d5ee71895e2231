import { type CandidateChunk, type CorpusStatistics, type Lexicon } from '../platform/full-text/index.js';
import { countTerms, hashTerm, terms as termsOf } from '../platform/terms/index.js';
import { bm25, idealScore, type QueryTerm, weighTerms } from './rank-fusion.js';

/** Query terms that are scored; of a page pasted as a query the rarest say what it is about. */
const mostTerms = 64;
/** Postings read at the most, however few documents may answer. */
const mostPostings = 20_000;

/** A chunk with the share of the ideal lexical score it reaches, 0..1. */
export interface ScoredChunk {
  candidate: CandidateChunk;
  coverage: number;
}

/** The words of one query, ready to score chunks by. */
export class LexicalQuery {
  /** By rising hash, as chunks have theirs. */
  readonly #terms: QueryTerm[];
  readonly #hashes: Uint32Array;
  readonly #counts: Uint8Array;
  readonly #ideal: number;

  constructor(
    terms: QueryTerm[],
    private readonly statistics: CorpusStatistics,
  ) {
    this.#terms = terms.toSorted((a, b) => a.hash - b.hash);
    this.#hashes = Uint32Array.from(this.#terms, ({ hash }) => hash);
    this.#counts = new Uint8Array(terms.length);
    this.#ideal = idealScore(terms);
  }

  score(candidate: CandidateChunk): ScoredChunk {
    if (this.#ideal === 0) return { candidate, coverage: 0 };
    candidate.terms.countAll(this.#hashes, this.#counts);
    return { candidate, coverage: bm25(this.#terms, this.#counts, candidate.terms.length, this.statistics) / this.#ideal };
  }
}

/** The words' side of a search: candidates by the rarest terms, so that the cost does not grow with the corpus. */
export class LexicalSearch {
  constructor(private readonly lexicon: () => Lexicon) {}

  /**
   * @param budget how many postings are read at the most, where all documents answer
   * @param documentIds documents to stay within, or null
   * @param share of the documents that may answer, where they are too many for a list: so many more postings are read
   */
  async find(
    query: string,
    budget: number,
    { documentIds, share }: { documentIds: string[] | null; share: number },
  ): Promise<{ words: LexicalQuery; found: ScoredChunk[]; full: boolean }> {
    const distinct = [...countTerms(termsOf(query)).keys()];
    const lexicon = this.lexicon();
    const [statistics, frequencies] = await Promise.all([lexicon.statistics(), lexicon.documentFrequencies(distinct)]);
    const weighted = weighTerms(frequencies, hashTerm, statistics)
      .sort((a, b) => b.idf - a.idf)
      .slice(0, mostTerms);
    const words = new LexicalQuery(weighted, statistics);
    const limit = Math.min(mostPostings, Math.ceil(budget / share));
    const { terms, dropped } = rarest(weighted, limit);
    const { candidates, full } = await lexicon.find(terms, limit, documentIds);
    return { words, found: candidates.map((candidate) => words.score(candidate)), full: (full || dropped) && limit < mostPostings };
  }
}

/** As many of the rarest as the budget allows, one at the least, and whether others were left out. */
function rarest(weighted: QueryTerm[], budget: number): { terms: string[]; dropped: boolean } {
  const chosen: string[] = [];
  let postings = 0;
  for (const { term, chunks } of weighted) {
    if (chunks === 0) continue;
    if (chosen.length > 0 && postings + chunks > budget) return { terms: chosen, dropped: true };
    chosen.push(term);
    postings += chunks;
  }
  return { terms: chosen, dropped: false };
}
