import { type CorpusStatistics } from '../platform/full-text/index.js';

/** Okapi BM25's parameters (Robertson and Zaragoza, 2009) as Anserini's baselines set them. */
const k1 = 0.9;
const b = 0.4;

/** How much more a point of cosine similarity weighs than a point of lexical coverage. */
const semanticWeight = 5;

export interface QueryTerm {
  term: string;
  hash: number;
  /** Inverse document frequency, never negative. */
  idf: number;
  /** Chunks that hold it. */
  chunks: number;
}

export function weighTerms(counts: Map<string, number>, hashOf: (term: string) => number, statistics: CorpusStatistics): QueryTerm[] {
  return [...counts].map(([term, chunks]) => ({
    term,
    hash: hashOf(term),
    chunks,
    idf: Math.log(1 + (Math.max(0, statistics.chunks - chunks) + 0.5) / (chunks + 0.5)),
  }));
}

/** The score of an imaginary chunk that holds every query term without end, unknown ones included: what coverage is measured by. */
export function idealScore(terms: QueryTerm[]): number {
  return terms.reduce((sum, { idf }) => sum + idf * (k1 + 1), 0);
}

/**
 * @param counts of the terms in the chunk, in their order
 * @param length of the chunk, in terms
 */
export function bm25(terms: QueryTerm[], counts: ArrayLike<number>, length: number, statistics: CorpusStatistics): number {
  const norm = k1 * (1 - b + (b * length) / Math.max(1, statistics.meanLength));
  let score = 0;
  for (let i = 0; i < terms.length; i++) {
    const count = counts[i]!;
    if (count > 0) score += (terms[i]!.idf * count * (k1 + 1)) / (count + norm);
  }
  return score;
}

/** How far words count across languages: tuned on the even questions of the two Vue sets, see tests/bench/README.md. */
const leastTrust = 0.1;
const fullTrustAt = 0.3;
const trustInNames = 2.5;

/**
 * How much words count that are found in documents of another language. Latin words of a Japanese question are names, and
 * all the words it shares with an English document: they count for more. English words in Japanese documents are there by
 * chance, in code and names: the more of the question its best passage covers, the less it is chance.
 * @param best greatest coverage of the question, 0..1
 */
export function foreignTrust(isJapaneseQuestion: boolean, best: number): number {
  return isJapaneseQuestion ? trustInNames : Math.min(1, leastTrust + best / fullTrustAt);
}

/**
 * A coverage-normalised sum. Dividing by the ideal keeps how sure the words are: across languages they find little and
 * say little, which a fusion of ranks would forget.
 * @param semantic cosine similarity, or null where the chunk was not among the neighbours
 * @param lexical share of the ideal, 0..1
 * @returns 0..1
 */
export function fuse(semantic: number, lexical: number): number {
  return Math.min(1, Math.max(0, (semanticWeight * semantic + lexical) / (semanticWeight + 1)));
}
