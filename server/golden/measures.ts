/** Retrieval measures over the first ten (Manning, Raghavan and Schütze, 2008, chapter 8), binary relevance. */
export const depth = 10;

export interface Measures {
  /** Normalised discounted cumulative gain. */
  ndcg: number;
  /** Share of the expected documents among the first ten. */
  recall: number;
  /** Reciprocal rank of the first expected document. */
  mrr: number;
  /** From 1; null where none is among the first ten. */
  firstRank: number | null;
}

export function measure(ranked: readonly string[], expected: readonly string[]): Measures {
  const wanted = new Set(expected);
  const gains = ranked.slice(0, depth).map((id) => (wanted.has(id) ? 1 : 0));
  const discounted = (values: readonly number[]) => values.reduce((sum, gain, index) => sum + gain / Math.log2(index + 2), 0);
  const ideal = discounted(Array.from({ length: Math.min(depth, wanted.size) }, () => 1));
  const first = gains.indexOf(1);
  return {
    ndcg: ideal > 0 ? discounted(gains) / ideal : 0,
    recall: wanted.size > 0 ? gains.filter(Boolean).length / wanted.size : 0,
    mrr: first < 0 ? 0 : 1 / (first + 1),
    firstRank: first < 0 ? null : first + 1,
  };
}
