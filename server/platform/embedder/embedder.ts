export type EmbedderState = 'loading' | 'ready' | 'failed' | 'closed';

export interface PassageOptions {
  signal?: AbortSignal;
  /** Waits until no other passage does. */
  background?: boolean;
}

/**
 * Turns text into vectors of unit length. The E5 prefixes (`query: `, `passage: `; Wang et al., 2024, arXiv 2402.05672)
 * are added here. Replace it to compute embeddings elsewhere.
 */
export interface Embedder {
  /** Name that chunks record beside their vectors. */
  readonly model: string;
  readonly state: EmbedderState;
  /** Why the state is `failed`. */
  readonly failure: string | null;
  /** Length of the vectors; known once the state is `ready`. */
  readonly dimensions: number | null;
  /** Folder with the model's tokeniser, for those who count tokens. */
  readonly folder: string;
  ready(): Promise<void>;
  /** Overtakes passages that wait. Text beyond the model's 512 tokens is ignored. */
  embedQuery(text: string): Promise<Float32Array>;
  embedPassage(text: string, options?: PassageOptions): Promise<Float32Array>;
  /** Passages waiting or being embedded. */
  readonly pending: number;
  close(): Promise<void>;
}
