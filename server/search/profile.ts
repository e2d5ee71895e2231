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

/** Where one search's time went, in milliseconds. The sides by meaning and by words run side by side, so that the steps' sum may exceed the whole. */
export class SearchProfile {
  readonly #ms = new Map<ProfileStep, number>();

  add(step: ProfileStep, ms: number): void {
    this.#ms.set(step, (this.#ms.get(step) ?? 0) + ms);
  }

  async time<T>(step: ProfileStep, work: () => T | Promise<T>): Promise<T> {
    const started = performance.now();
    try {
      return await work();
    } finally {
      this.add(step, performance.now() - started);
    }
  }

  timeSync<T>(step: ProfileStep, work: () => T): T {
    const started = performance.now();
    try {
      return work();
    } finally {
      this.add(step, performance.now() - started);
    }
  }

  steps(): { step: ProfileStep; ms: number }[] {
    return Object.values(ProfileStep).flatMap((step) => {
      const ms = this.#ms.get(step);
      return ms === undefined ? [] : [{ step, ms }];
    });
  }
}
