import { AppError } from '../errors.js';

/** A collection that should be there is not: dropped by hand, or gone with its disk. */
export class CollectionLost extends AppError {
  constructor(name: string) {
    super('UNAVAILABLE', `ChromaDB has no collection "${name}" (any more).`, 'Wait a moment: it is filled again from the database.');
  }
}

/**
 * Waits until the store answers, as long as work may wait: whoever waits for good keeps everything behind it waiting, too.
 * @throws AppError UNAVAILABLE
 */
export async function availableWithin(vectors: Pick<VectorIndex, 'whenAvailable'>, ms: number, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.timeout(ms);
  await vectors.whenAvailable(AbortSignal.any([signal, deadline])).catch((error: unknown) => {
    signal.throwIfAborted();
    if (!deadline.aborted) throw error;
    throw new AppError(
      'UNAVAILABLE',
      { en: `ChromaDB has not answered for ${Math.round(ms / 1000)} s.`, ja: `ChromaDB が ${Math.round(ms / 1000)} 秒間応答しません。` },
      {
        en: 'Look at the health page and the logs; RESET_VECTOR_STORE makes its folder anew where it does not start.',
        ja: '稼働状況とログを確認してください。起動しない場合は RESET_VECTOR_STORE でフォルダーを作り直せます。',
      },
    );
  });
}

/** A vector to keep: `id` is the chunk's id, `documentId` lets a search be narrowed to documents. */
export interface VectorRow {
  id: string;
  documentId: string;
  vector: Float32Array;
}

export interface Neighbour {
  id: string;
  /** Cosine similarity, -1..1. */
  similarity: number;
}

/**
 * Nearest-neighbour search over collections of vectors. It holds nothing that cannot be rebuilt from the database.
 * Replace it to use another vector store. Every method throws AppError UNAVAILABLE while the store is down.
 */
export interface VectorIndex {
  /** Makes the collection unless it exists. */
  ensureCollection(name: string): Promise<void>;
  dropCollection(name: string): Promise<void>;
  listCollections(): Promise<string[]>;
  /** Adds or replaces; repeating a call changes nothing. */
  upsert(collection: string, rows: VectorRow[]): Promise<void>;
  remove(collection: string, ids: string[]): Promise<void>;
  query(collection: string, vector: Float32Array, limit: number, documentIds?: string[]): Promise<Neighbour[]>;
  count(collection: string): Promise<number>;
  /** Which of the ids the collection holds. */
  existing(collection: string, ids: string[]): Promise<string[]>;
  /** Ids in the store's own order, for comparing with the database. */
  ids(collection: string, limit: number, offset: number): Promise<string[]>;
  /** Vectors by id; those the collection does not hold are left out. */
  read(collection: string, ids: string[]): Promise<Map<string, ArrayLike<number>>>;
  /** Round trip to the store. */
  ping(): Promise<void>;
  readonly available: boolean;
  /** Resolves once the store answers, or rejects when the signal aborts first. */
  whenAvailable(signal: AbortSignal): Promise<void>;
  onAvailabilityChange(listener: (available: boolean) => void): void;
  /** Tells of a collection that a call has found missing; the call itself throws AppError UNAVAILABLE. */
  onCollectionLost(listener: (collection: string) => void): void;
  start(): Promise<void>;
  /**
   * Starts over with nothing, what was kept set aside, where the store is ours and cannot read what it has.
   * @returns false where it runs elsewhere
   */
  startAfresh(): Promise<boolean>;
  stop(): Promise<void>;
}
