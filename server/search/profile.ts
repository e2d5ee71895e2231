import { spanOf } from '../platform/tracing/index.js';

export enum ProfileStep {
  NORMALISE = 'NORMALISE',
  CACHE = 'CACHE',
  EMBED = 'EMBED',
  VECTORS = 'VECTORS',
  WORDS = 'WORDS',
  FUSE = 'FUSE',
  ROWS = 'ROWS',
  RENDER = 'RENDER',
}

const spanNames = Object.fromEntries(Object.values(ProfileStep).map((step) => [step, `search ${step.toLowerCase()}`])) as Record<ProfileStep, string>;

/** Where one search's time went, in milliseconds. The sides by meaning and by words run side by side, so that the steps' sum may exceed the whole. */
export class SearchProfile {
  readonly #ms = new Map<ProfileStep, number>();

  #begin(step: ProfileStep): () => void {
    const endSpan = spanOf(spanNames[step]);
    const started = performance.now();
    return () => {
      this.#ms.set(step, (this.#ms.get(step) ?? 0) + performance.now() - started);
      endSpan();
    };
  }

  async time<T>(step: ProfileStep, work: () => T | Promise<T>): Promise<T> {
    const end = this.#begin(step);
    try {
      return await work();
    } finally {
      end();
    }
  }

  timeSync<T>(step: ProfileStep, work: () => T): T {
    const end = this.#begin(step);
    try {
      return work();
    } finally {
      end();
    }
  }

  steps(): { step: ProfileStep; ms: number }[] {
    return Object.values(ProfileStep).flatMap((step) => {
      const ms = this.#ms.get(step);
      return ms === undefined ? [] : [{ step, ms }];
    });
  }
}
