import { type Catalogue, type ChunkType } from '../documents/index.js';
import { ProfileStep, type SearchProfile } from './profile.js';
import { type RankedChunk, type RankedDocument } from './ranking.js';
import { type SearchHitType } from './search.type.js';
import { type ShownChunks } from './shown-chunks.js';
import { sentencesOf, type Snippet, snippetOf, SnippetQuery, type TextRange } from './snippet.js';

export type Hit = Omit<SearchHitType, 'document'> & { documentId: string };

const mostOtherPassages = 3;

/** Snippets for one query, each made once. */
export class Snippets {
  readonly #wanted: SnippetQuery;
  readonly #made = new Map<string, Snippet>();

  constructor(
    readonly query: string,
    private readonly sentencesIn: (chunk: ChunkType) => TextRange[],
  ) {
    this.#wanted = new SnippetQuery(query);
  }

  of(chunk: ChunkType): Snippet {
    let snippet = this.#made.get(chunk.id);
    if (!snippet) this.#made.set(chunk.id, (snippet = snippetOf(chunk.text, this.#wanted, () => this.sentencesIn(chunk))));
    return snippet;
  }
}

/** Makes hits of ranked documents: rows, snippets, marks and explanations. */
export class HitRenderer {
  readonly #sentences = new WeakMap<ChunkType, TextRange[]>();

  constructor(
    private readonly chunks: ShownChunks,
    private readonly catalogue: Catalogue,
  ) {}

  /** Reads the newest passages and documents ahead of the first searches, as many as are kept. */
  async warm(signal: AbortSignal): Promise<void> {
    await this.chunks.warm(signal);
    await this.catalogue.warm(signal);
  }

  /** Makes the snippets of passages that are likely to be shown, while the answer is waited for anyway. */
  async ahead(chunkIds: number[], query: string): Promise<Snippets> {
    const snippets = this.#snippetsFor(query);
    for (const chunk of (await this.chunks.get(chunkIds)).values()) snippets.of(chunk);
    return snippets;
  }

  #snippetsFor(query: string): Snippets {
    return new Snippets(query, (chunk) => this.#sentencesIn(chunk));
  }

  /** @param ready snippets that were made ahead for the same query */
  async render(documents: RankedDocument[], query: string, profile: SearchProfile, ready: Snippets | null = null): Promise<Hit[]> {
    const rows = await profile.time(ProfileStep.ROWS, () => this.chunks.get(shownChunks(documents).map((chunk) => chunk.chunkId)));
    return profile.timeSync(ProfileStep.RENDER, () => {
      const snippets = ready?.query === query ? ready : this.#snippetsFor(query);
      return documents.flatMap(({ documentId, chunks: [best, ...others] }) => {
        const chunk = best && rows.get(best.chunkId);
        if (!chunk) return [];
        const snippet = snippets.of(chunk);
        return [
          {
            documentId,
            chunk,
            otherPassages: others.slice(0, mostOtherPassages).flatMap((other) => rows.get(other.chunkId) ?? []),
            score: best.score,
            snippet: snippet.text,
            highlights: snippet.highlights,
            pageFrom: chunk.pageFrom,
            headingPath: chunk.headingPath,
            explanation: explain(best, snippet.matchedWords),
          },
        ];
      });
    });
  }

  /** Found once for as long as the passage is kept. */
  #sentencesIn(chunk: ChunkType): TextRange[] {
    let found = this.#sentences.get(chunk);
    if (!found) this.#sentences.set(chunk, (found = sentencesOf(chunk.text)));
    return found;
  }
}

function shownChunks(documents: RankedDocument[]): RankedChunk[] {
  return documents.flatMap((document) => document.chunks.slice(0, 1 + mostOtherPassages));
}

function explain(chunk: RankedChunk, matchedTerms: string[]): SearchHitType['explanation'] {
  const { semanticScore, semanticRank, lexicalScore, lexicalRank, score } = chunk;
  return { semanticScore, semanticRank, lexicalScore, lexicalRank, matchedTerms, fusedScore: score };
}
