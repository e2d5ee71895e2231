import { type CandidateChunk, type CorpusStatistics, type FullTextIndex } from '../platform/full-text/index.js';
import { countTerms, hashTerm, terms as termsOf } from '../platform/terms/index.js';
import { bm25, idealScore, type QueryTerm, weighTerms } from './rank-fusion.js';

/** Query terms that are scored; of a page pasted as a query the rarest say what it is about. */
const mostTerms = 64;

export interface LexicalQuery {
  terms: QueryTerm[];
  ideal: number;
  statistics: CorpusStatistics;
  candidates: CandidateChunk[];
}

/** The words' side of a search: candidates by the rarest terms, so that the cost does not grow with the corpus. */
export class LexicalSearch {
  constructor(private readonly fullText: FullTextIndex) {}

  /**
   * @param budget how many postings are read at the most
   * @param documentIds documents to stay within, or null
   */
  async find(query: string, budget: number, documentIds: string[] | null): Promise<LexicalQuery> {
    const distinct = [...countTerms(termsOf(query)).keys()];
    const [statistics, frequencies] = await Promise.all([this.fullText.statistics(), this.fullText.documentFrequencies(distinct)]);
    const weighted = weighTerms(frequencies, hashTerm, statistics)
      .sort((a, b) => b.idf - a.idf)
      .slice(0, mostTerms);
    const ids = await this.fullText.match(rarest(weighted, budget), budget, documentIds);
    return { terms: weighted, ideal: idealScore(weighted), statistics, candidates: await this.fullText.candidates(ids) };
  }

  /** Chunks found by meaning are scored by words as well. */
  async withNeighbours(query: LexicalQuery, chunkIds: number[]): Promise<CandidateChunk[]> {
    const known = new Set(query.candidates.map((candidate) => candidate.chunkId));
    return [...query.candidates, ...(await this.fullText.candidates(chunkIds.filter((id) => !known.has(id))))];
  }
}

function rarest(weighted: QueryTerm[], budget: number): string[] {
  const chosen: string[] = [];
  let postings = 0;
  for (const { term, chunks } of weighted) {
    if (chunks === 0) continue;
    if (chosen.length > 0 && postings + chunks > budget) break;
    chosen.push(term);
    postings += chunks;
  }
  return chosen;
}

/** Share of the ideal a chunk reaches, 0..1. */
export function coverage(query: LexicalQuery, candidate: CandidateChunk): number {
  return query.ideal > 0 ? bm25(query.terms, candidate.terms, query.statistics) / query.ideal : 0;
}
