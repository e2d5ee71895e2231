import { DotKernel, RowFormat } from './dot-kernel.js';
import { type Neighbour } from './vector-index.js';

/**
 * Unit vectors kept in memory at one byte a dimension and compared one and all with a query's: exact but for the rounding,
 * and for a hundred thousand vectors still quicker than asking another process.
 */
export class ResidentVectors {
  readonly #kernel: DotKernel;
  readonly #ids: string[] = [];
  readonly #slots = new Map<string, number>();

  /** @param limit most vectors; `set` refuses more */
  constructor(
    dimensions: number,
    private readonly limit: number,
  ) {
    this.#kernel = new DotKernel(new RowFormat(dimensions), limit);
  }

  get size(): number {
    return this.#ids.length;
  }

  /** Adds or replaces. @returns false where the limit is reached */
  set(id: string, vector: Float32Array): boolean {
    let slot = this.#slots.get(id);
    if (slot === undefined) {
      if (this.size >= this.limit) return false;
      slot = this.size;
      this.#kernel.reserve(slot + 1);
      this.#ids.push(id);
      this.#slots.set(id, slot);
    }
    this.#kernel.format.write(vector, this.#kernel.memory, this.#kernel.offset(slot));
    return true;
  }

  delete(id: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    const last = this.#ids.pop()!;
    this.#slots.delete(id);
    if (last === id) return;
    const from = this.#kernel.offset(this.size);
    new Uint8Array(this.#kernel.memory).copyWithin(this.#kernel.offset(slot), from, from + this.#kernel.format.stride);
    this.#ids[slot] = last;
    this.#slots.set(last, slot);
  }

  /** @returns nearest first */
  nearest(query: Float32Array, limit: number): Neighbour[] {
    this.#kernel.reserve(this.size);
    this.#kernel.ask(query);
    const { values, scale } = this.#kernel.products(this.size);
    return top(values, limit).map((slot) => ({ id: this.#ids[slot]!, similarity: values[slot]! * scale }));
  }
}

/** Positions of the largest values, largest first. */
function top(values: Float32Array, limit: number): number[] {
  const best: number[] = [];
  let least = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (best.length === limit && value <= least) continue;
    let at = best.length;
    while (at > 0 && values[best[at - 1]!]! < value) at -= 1;
    best.splice(at, 0, i);
    if (best.length > limit) best.pop();
    least = values[best.at(-1)!]!;
  }
  return best;
}
