import { type ScoredChunk } from './lexical-search.js';
import { foreignTrust, fuse } from './rank-fusion.js';

export type Mode = 'HYBRID' | 'SEMANTIC' | 'KEYWORD';

/** A chunk that may be shown. */
export interface AdmittedChunk extends ScoredChunk {
  /** Whether its document is. */
  isJapanese: boolean;
}

export interface RankedChunk {
  chunkId: number;
  documentId: string;
  score: number;
  semanticScore: number | null;
  semanticRank: number | null;
  lexicalScore: number | null;
  lexicalRank: number | null;
}

export interface RankedDocument {
  documentId: string;
  /** Best first. */
  chunks: RankedChunk[];
}

/**
 * Scores candidates by mode and groups them by document, best first. `similarities` is empty where the vector side is down.
 * @param isJapanese whether the question is
 */
export function rank(mode: Mode, similarities: ReadonlyMap<number, number>, candidates: AdmittedChunk[], isJapanese: boolean): RankedDocument[] {
  const chunks: RankedChunk[] = [];
  // A chunk whose vector is not stored yet is taken to be as far as the farthest.
  let farthest = 1;
  for (const similarity of similarities.values()) farthest = Math.min(farthest, similarity);
  const best = candidates.reduce((most, { coverage }) => Math.max(most, coverage), 0);
  const trust = foreignTrust(isJapanese, best);
  for (const { candidate, coverage, isJapanese: isDocumentJapanese } of candidates) {
    const counted = isDocumentJapanese === isJapanese ? coverage : coverage * trust;
    const similarity = similarities.get(candidate.chunkId);
    if (mode === 'SEMANTIC' && similarity === undefined) continue;
    if (mode === 'KEYWORD' && coverage <= 0) continue;
    chunks.push({
      chunkId: candidate.chunkId,
      documentId: candidate.documentId,
      score: mode === 'KEYWORD' ? coverage : mode === 'SEMANTIC' ? Math.max(0, similarity ?? 0) : fuse(similarity ?? farthest, counted),
      semanticScore: similarity ?? null,
      semanticRank: null,
      lexicalScore: mode === 'SEMANTIC' ? null : coverage,
      lexicalRank: null,
    });
  }
  chunks.sort((a, b) => b.score - a.score || a.chunkId - b.chunkId);
  const documents = new Map<string, RankedDocument>();
  for (const chunk of chunks) {
    const document = documents.get(chunk.documentId);
    if (document) document.chunks.push(chunk);
    else documents.set(chunk.documentId, { documentId: chunk.documentId, chunks: [chunk] });
  }
  return [...documents.values()];
}

/** Fills in the ranks by each side alone of the best passages shown; the others are never asked for theirs. */
export function fillRanks(all: RankedDocument[], shown: RankedDocument[]): void {
  for (const {
    chunks: [best],
  } of shown) {
    if (!best) continue;
    if (best.semanticScore !== null) best.semanticRank = 1 + countAbove(all, (other) => other.semanticScore ?? -1, best.semanticScore);
    if (best.lexicalScore) best.lexicalRank = 1 + countAbove(all, (other) => other.lexicalScore ?? 0, best.lexicalScore);
  }
}

function countAbove(all: RankedDocument[], scoreOf: (chunk: RankedChunk) => number, score: number): number {
  let above = 0;
  for (const { chunks } of all) for (const chunk of chunks) if (scoreOf(chunk) > score) above += 1;
  return above;
}
