import { DotKernel, RowFormat } from './dot-kernel.js';
import { SignSketches } from './sign-sketches.js';
import { type Neighbour, type VectorRow } from './vector-index.js';

/** From so many vectors on, those to be compared are chosen by their sketches first; fewer are compared as fast. */
const sketchedFrom = 2000;
/** What these hold of the nearest stands in tests/bench/README.md. */
const comparedShare = 0.014;
const fewestCompared = 600;
/** Vectors beyond those asked for that may be among them but for the rounding. */
const withinRounding = 50;
/** Vectors that the centroid of all is taken from. */
const sampleSize = 2000;
/** Sketches made anew with each vector that comes, so that no moment is long. */
const sketchedAtOnce = 8;

/**
 * Unit vectors kept in memory and compared with a query's, quicker than asking another process: some thousand one and all, of more
 * those whose sketches are the nearest. First at one byte a dimension, whose rounding is as large as the nearest lie apart; then
 * those that come out on top by what the rounding has left of them, too.
 */
export class ResidentVectors {
  readonly #kernel: DotKernel;
  /** What the rounding has left of each vector, at one byte a dimension as well. */
  readonly #rest: DotKernel;
  readonly #ids: string[] = [];
  readonly #slots = new Map<string, number>();
  /** Documents have numbers, because these are compared faster than ids. */
  readonly #documentNumbers = new Map<string, number>();
  /** The number of each vector's document. */
  readonly #documents: number[] = [];
  /** Of all vectors; null for few. */
  #sketches: SignSketches | null = null;
  /** Those that take their place once they are as many as the vectors. */
  #nextSketches: SignSketches | null = null;
  /** Vectors there were when the centroid was last taken. */
  #sampledAt = 0;

  /** @param limit most vectors; `set` refuses more */
  constructor(
    dimensions: number,
    private readonly limit: number,
  ) {
    this.#kernel = new DotKernel(new RowFormat(dimensions), limit);
    this.#rest = new DotKernel(this.#kernel.format, limit);
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
      this.#rest.reserve(slot + 1);
      this.#ids.push(id);
      this.#slots.set(id, slot);
    }
    let document = this.#documentNumbers.get(documentId);
    if (document === undefined) this.#documentNumbers.set(documentId, (document = this.#documentNumbers.size));
    this.#documents[slot] = document;
    this.#write(slot, vector);
    this.#sketches?.write(slot, vector);
    if (this.#nextSketches && slot < this.#nextSketches.size) this.#nextSketches.write(slot, vector);
    this.#renewSketches();
    return true;
  }

  delete(id: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    const last = this.#ids.pop()!;
    const document = this.#documents.pop()!;
    this.#slots.delete(id);
    if (last !== id) {
      for (const kernel of [this.#kernel, this.#rest]) kernel.copy(this.size, slot);
      this.#ids[slot] = last;
      this.#documents[slot] = document;
      this.#slots.set(last, slot);
    }
    this.#sketches?.dropLast(slot);
    const next = this.#nextSketches;
    if (next && next.size > this.size) next.dropLast(slot);
    else if (next && slot < next.size) next.write(slot, this.#vector(slot));
  }

  /**
   * @param documentIds only vectors of these documents; all where it is left out
   * @returns nearest first
   */
  nearest(query: Float32Array, limit: number, documentIds?: string[]): Neighbour[] {
    this.#kernel.reserve(this.size);
    this.#kernel.ask(query);
    const slots = this.#compared(query, limit, documentIds);
    const { values, scale } = slots ? this.#kernel.productsAt(slots) : this.#kernel.products(this.size);
    const best = top(values, limit + withinRounding);
    const rounded = Float32Array.from(best, (at) => values[at]! * scale);
    return this.#finer(query, rounded, slots ? best.map((at) => slots[at]!) : best, limit);
  }

  /** @param rounded similarities of the vectors in these slots */
  #finer(query: Float32Array, rounded: Float32Array, slots: Uint32Array, limit: number): Neighbour[] {
    this.#rest.reserve(this.size);
    this.#rest.ask(query);
    const { values, scale } = this.#rest.productsAt(slots);
    const similarities = rounded.map((similarity, i) => similarity + values[i]! * scale);
    return Array.from(top(similarities, limit), (at) => ({ id: this.#ids[slots[at]!]!, similarity: similarities[at]! }));
  }

  #write(slot: number, vector: Float32Array): void {
    const { format } = this.#kernel;
    format.write(vector, this.#kernel.memory, this.#kernel.offset(slot));
    const rest = this.#vector(slot);
    for (let i = 0; i < rest.length; i++) rest[i] = vector[i]! - rest[i]!;
    format.write(rest, this.#rest.memory, this.#rest.offset(slot));
  }

  /** @returns slots worth comparing; null for all */
  #compared(query: Float32Array, limit: number, documentIds: string[] | undefined): Uint32Array | null {
    // All of them: those nearest by sketches may all be of other documents, in the query's own language for one.
    if (documentIds) return this.#slotsOf(documentIds);
    const enough = Math.max(fewestCompared, limit * 4, this.size * comparedShare);
    return this.#sketches && enough < this.size ? this.#sketches.nearest(query, enough) : null;
  }

  #slotsOf(documentIds: string[]): Uint32Array {
    const wanted = new Uint8Array(this.#documentNumbers.size);
    for (const id of documentIds) {
      const document = this.#documentNumbers.get(id);
      if (document !== undefined) wanted[document] = 1;
    }
    const slots = new Uint32Array(this.size);
    let count = 0;
    for (let slot = 0; slot < slots.length; slot++) if (wanted[this.#documents[slot]!] === 1) slots[count++] = slot;
    return slots.subarray(0, count);
  }

  #vector(slot: number): Float32Array {
    return this.#kernel.format.read(this.#kernel.memory, this.#kernel.offset(slot));
  }

  /** Sketches are made when first there are many vectors, and each time these have doubled: their centroid may be another by then. */
  #renewSketches(): void {
    if (!this.#nextSketches && this.size >= Math.max(sketchedFrom, this.#sampledAt * 2)) {
      this.#nextSketches = new SignSketches(this.#centroid(), this.limit);
      this.#sampledAt = this.size;
    }
    const next = this.#nextSketches;
    if (!next) return;
    for (let made = 0; made < sketchedAtOnce && next.size < this.size; made++) next.write(next.size, this.#vector(next.size));
    if (next.size < this.size) return;
    this.#sketches = next;
    this.#nextSketches = null;
  }

  #centroid(): Float32Array {
    const centroid = new Float32Array(this.#kernel.format.dimensions);
    for (let i = 0; i < sampleSize; i++) {
      const vector = this.#vector(Math.floor((i * this.size) / sampleSize));
      for (let j = 0; j < centroid.length; j++) centroid[j]! += vector[j]! / sampleSize;
    }
    return centroid;
  }
}

/** Positions of the largest values, largest first. */
function top(values: Float32Array, limit: number): Uint32Array {
  const size = Math.min(limit, values.length);
  const best = new Float32Array(size);
  const positions = new Uint32Array(size);
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (count === size && value <= best[size - 1]!) continue;
    let at = count < size ? count++ : size - 1;
    for (; at > 0 && best[at - 1]! < value; at--) {
      best[at] = best[at - 1]!;
      positions[at] = positions[at - 1]!;
    }
    best[at] = value;
    positions[at] = i;
  }
  return positions;
}
