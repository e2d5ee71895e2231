import { createHash } from 'node:crypto';
import { type SearchedIndex } from '../indexing/index.js';
import { type AnswerCache } from '../platform/cache/index.js';
import { type Embedder } from '../platform/embedder/index.js';
import { AppError } from '../platform/errors.js';
import { type Logger } from '../platform/logging/index.js';
import { type Neighbour } from '../platform/vector-index/index.js';
import { TooLate, within } from './deadline.js';
import { ProfileStep, type SearchProfile } from './profile.js';

export interface SemanticParts {
  index: SearchedIndex;
  cache: AnswerCache;
  log: Logger;
}

/** A query's vector, and what it is to be compared with. */
export interface Embedded {
  vector: Float32Array;
  model: string;
  collection: string;
}

export interface Near {
  vector: Float32Array;
  model: string;
  /** Nearest first. */
  neighbours: Neighbour[];
}

export interface Wanted {
  /** How many neighbours. */
  limit: number;
  /** Of these documents only. */
  documentIds: string[] | undefined;
  /** How long it may take, ms; for good where it is left out. */
  withinMs: number | undefined;
  /** Done while the vector index answers. */
  meanwhile: (meaning: Omit<Near, 'neighbours'>) => Promise<void>;
}

/** About as much as the model reads. */
const longestMeaning = 1500;

/** The side of meaning: a query's vector and the passages nearest to it. */
export class SemanticSearch {
  constructor(private readonly parts: SemanticParts) {}

  /** Whether only the beginning of a query is read. */
  shortens(query: string): boolean {
    return query.length > longestMeaning;
  }

  /** Takes model and collection in the same moment, so that a change of model never comes between them. */
  embedded(query: string, profile: SearchProfile): Promise<Embedded> {
    const { collection, embedder, model } = this.parts.index.serving;
    const vector = profile.time(ProfileStep.EMBED, () => this.#embed(query.slice(0, longestMeaning), embedder));
    const embedded = vector.then((value) => ({ vector: value, model, collection }));
    embedded.catch(() => undefined); // Awaited after the words' side is done.
    return embedded;
  }

  /** @returns null where the side of meaning cannot answer; the notice says why */
  async near(
    embedded: Promise<Embedded>,
    { limit, documentIds, withinMs, meanwhile }: Wanted,
    notices: string[],
    profile: SearchProfile,
  ): Promise<Near | null> {
    const neighbours = async (): Promise<Near> => {
      const { vector, model, collection } = await embedded;
      const asked = profile.time(ProfileStep.VECTORS, () => this.parts.index.nearest(vector, limit, documentIds, collection));
      const [found] = await Promise.all([asked, meanwhile({ vector, model })]);
      return { vector, neighbours: found, model };
    };
    try {
      return await within(neighbours(), withinMs);
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
