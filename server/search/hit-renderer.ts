import { type Catalogue } from '../documents/index.js';
import { type Lull } from '../platform/lull.js';
import { ProfileStep, type SearchProfile } from './profile.js';
import { type RankedChunk, type RankedDocument } from './ranking.js';
import { type SearchHitType } from './search.type.js';
import { type ShownChunks } from './shown-chunks.js';
import { snippetOf, type SnippetQuery } from './snippet.js';

export type Hit = Omit<SearchHitType, 'document'> & { documentId: string };

const mostOtherPassages = 3;

/** Makes hits of ranked documents: rows, snippets, marks and explanations. */
export class HitRenderer {
  constructor(
    private readonly chunks: ShownChunks,
    private readonly catalogue: Catalogue,
  ) {}

  /** Reads the newest passages and documents ahead of the first searches, as many as are kept. */
  async warm(chunking: number, signal: AbortSignal, lull: Lull): Promise<void> {
    await this.chunks.warm(chunking, signal, lull);
    await this.catalogue.warm(signal, lull);
  }

  async render(documents: RankedDocument[], wanted: SnippetQuery, profile: SearchProfile): Promise<Hit[]> {
    const rows = await profile.time(ProfileStep.ROWS, () => this.chunks.get(shownChunks(documents).map((chunk) => chunk.chunkId)));
    return profile.timeSync(ProfileStep.RENDER, () =>
      documents.flatMap(({ documentId, chunks: [best, ...others] }) => {
        const shown = best && rows.get(best.chunkId);
        if (!shown) return [];
        const { chunk, parts } = shown;
        const snippet = snippetOf(chunk.text, wanted, parts);
        return [
          {
            documentId,
            chunk,
            otherPassages: others.slice(0, mostOtherPassages).flatMap((other) => rows.get(other.chunkId)?.chunk ?? []),
            score: best.score,
            snippet: snippet.text,
            highlights: snippet.highlights,
            pageFrom: chunk.pageFrom,
            headingPath: chunk.headingPath,
            explanation: explain(best, snippet.matchedWords),
          },
        ];
      }),
    );
  }
}

function shownChunks(documents: RankedDocument[]): RankedChunk[] {
  return documents.flatMap((document) => document.chunks.slice(0, 1 + mostOtherPassages));
}

function explain(chunk: RankedChunk, matchedTerms: string[]): SearchHitType['explanation'] {
  const { semanticScore, semanticRank, lexicalScore, lexicalRank, score } = chunk;
  return { semanticScore, semanticRank, lexicalScore, lexicalRank, matchedTerms, fusedScore: score };
}
