import { type CandidateChunk } from '../platform/full-text/index.js';
import { type Neighbour } from '../platform/vector-index/index.js';
import { coverage, type LexicalQuery } from './lexical-search.js';
import { fuse } from './rank-fusion.js';

export type Mode = 'HYBRID' | 'SEMANTIC' | 'KEYWORD';

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

/** Scores candidates by mode and groups them by document, best first. */
export function rank(mode: Mode, neighbours: Neighbour[], lexical: LexicalQuery | null, candidates: CandidateChunk[], admitted: (candidate: CandidateChunk) => boolean): RankedDocument[] {
  const places = new Map(neighbours.map((neighbour, index) => [Number(neighbour.id), { similarity: neighbour.similarity, rank: index + 1 }]));
  // A candidate that is not among the nearest is at most as near as the last of them.
  const floor = neighbours.at(-1)?.similarity ?? 0;
  const chunks: RankedChunk[] = [];
  for (const candidate of candidates) {
    if (!admitted(candidate)) continue;
    const near = places.get(candidate.chunkId);
    const words = lexical ? coverage(lexical, candidate) : 0;
    if (mode === 'SEMANTIC' && !near) continue;
    if (mode === 'KEYWORD' && words <= 0) continue;
    chunks.push({
      chunkId: candidate.chunkId,
      documentId: candidate.documentId,
      score: mode === 'KEYWORD' ? words : mode === 'SEMANTIC' ? Math.max(0, near!.similarity) : fuse(near?.similarity ?? floor, words),
      semanticScore: near?.similarity ?? null,
      semanticRank: near?.rank ?? null,
      lexicalScore: lexical ? words : null,
      lexicalRank: null,
    });
  }
  if (lexical) {
    const byWords = chunks.filter((chunk) => chunk.lexicalScore).sort((a, b) => b.lexicalScore! - a.lexicalScore!);
    byWords.forEach((chunk, index) => (chunk.lexicalRank = index + 1));
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
