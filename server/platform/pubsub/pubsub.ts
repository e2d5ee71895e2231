import { EventEmitter } from 'node:events';

/**
 * Typed publish and subscribe within one process. A subscriber that is slower than its publisher sees the newest value
 * for each key and never builds up a queue.
 */
export class PubSub<Topics extends object> {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  publish<Name extends keyof Topics & string>(topic: Name, value: Topics[Name]): void {
    this.#emitter.emit(topic, value);
  }

  on<Name extends keyof Topics & string>(topic: Name, listener: (value: Topics[Name]) => void): () => void {
    this.#emitter.on(topic, listener);
    return () => this.#emitter.off(topic, listener);
  }

  /** Values of a topic as they come. */
  subscribe<Name extends keyof Topics & string>(topic: Name, options: LatestOptions<Topics[Name]> = {}): AsyncGenerator<Topics[Name], void, void> {
    return latestValues<Topics[Name]>((push) => this.on(topic, push), options);
  }
}

export interface LatestOptions<T> {
  /** Tells which pending value a newer one replaces. */
  keyOf?: (value: T) => string;
  filter?: (value: T) => boolean;
  /** Delivered first, unless a newer one has come by then. */
  initial?: T[];
}

/** Turns a push source into an async iterator that holds at most one pending value a key. */
export function latestValues<T>(
  start: (push: (value: T) => void) => () => void,
  { keyOf = () => '', filter = () => true, initial = [] }: LatestOptions<T> = {},
): AsyncGenerator<T, void, void> {
  const pending = new Map<string, T>(initial.map((value) => [keyOf(value), value]));
  let wake: (() => void) | null = null;
  let done = false;
  const stop = start((value) => {
    if (done || !filter(value)) return;
    pending.set(keyOf(value), value);
    wake?.();
  });
  const finish = () => {
    done = true;
    stop();
    pending.clear();
    wake?.();
  };
  const next = async (): Promise<IteratorResult<T, void>> => {
    for (;;) {
      if (done) return { done: true, value: undefined };
      const first = pending.entries().next();
      if (!first.done) {
        pending.delete(first.value[0]);
        return { done: false, value: first.value[1] };
      }
      await new Promise<void>((resolve) => (wake = resolve));
      wake = null;
    }
  };
  // Not an async generator function: its return() would wait behind a pending next(), and an idle subscription would never end.
  const iterator: AsyncGenerator<T, void, void> = {
    next,
    return: () => {
      finish();
      return Promise.resolve({ done: true, value: undefined });
    },
    throw: (error: unknown) => {
      finish();
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    },
    [Symbol.asyncIterator]: () => iterator,
    [Symbol.asyncDispose]: () => {
      finish();
      return Promise.resolve();
    },
  };
  return iterator;
}
