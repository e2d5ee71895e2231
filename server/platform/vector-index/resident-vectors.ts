import { DotKernel, RowFormat } from './dot-kernel.js';
import { type Neighbour, type VectorRow } from './vector-index.js';

/**
 * Unit vectors kept in memory at one byte a dimension and compared one and all with a query's: exact but for the rounding,
 * and for some ten thousand vectors quicker than asking another process.
 */
export class ResidentVectors {
  readonly #kernel: DotKernel;
  readonly #ids: string[] = [];
  readonly #slots = new Map<string, number>();
  /** Documents have numbers, because these are compared faster than ids. */
  readonly #documentNumbers = new Map<string, number>();
  /** The number of each vector's document. */
  readonly #documents: number[] = [];

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
  set({ id, documentId, vector }: VectorRow): boolean {
    let slot = this.#slots.get(id);
    if (slot === undefined) {
      if (this.size >= this.limit) return false;
      slot = this.size;
      this.#kernel.reserve(slot + 1);
      this.#ids.push(id);
      this.#slots.set(id, slot);
    }
    let document = this.#documentNumbers.get(documentId);
    if (document === undefined) this.#documentNumbers.set(documentId, (document = this.#documentNumbers.size));
    this.#documents[slot] = document;
    this.#kernel.format.write(vector, this.#kernel.memory, this.#kernel.offset(slot));
    return true;
  }

  delete(id: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    const last = this.#ids.pop()!;
    const document = this.#documents.pop()!;
    this.#slots.delete(id);
    if (last === id) return;
    const from = this.#kernel.offset(this.size);
    new Uint8Array(this.#kernel.memory).copyWithin(this.#kernel.offset(slot), from, from + this.#kernel.format.stride);
    this.#ids[slot] = last;
    this.#documents[slot] = document;
    this.#slots.set(last, slot);
  }

  /**
   * @param documentIds only vectors of these documents; all where it is left out
   * @returns nearest first
   */
  nearest(query: Float32Array, limit: number, documentIds?: string[]): Neighbour[] {
    this.#kernel.reserve(this.size);
    this.#kernel.ask(query);
    const { values, scale } = this.#kernel.products(this.size);
    const slots = documentIds ? this.#topWithin(values, limit, documentIds) : top(values, limit);
    return slots.map((slot) => ({ id: this.#ids[slot]!, similarity: values[slot]! * scale }));
  }

  #topWithin(values: Float32Array, limit: number, documentIds: string[]): number[] {
    const wanted = new Uint8Array(this.#documentNumbers.size);
    for (const id of documentIds) {
      const document = this.#documentNumbers.get(id);
      if (document !== undefined) wanted[document] = 1;
    }
    const slots: number[] = [];
    for (let slot = 0; slot < values.length; slot++) if (wanted[this.#documents[slot]!] === 1) slots.push(slot);
    const within = Float32Array.from(slots, (slot) => values[slot]!);
    return top(within, limit).map((at) => slots[at]!);
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
