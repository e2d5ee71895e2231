import { readFileSync } from 'node:fs';

interface Exports {
  memory: WebAssembly.Memory;
  histogram: (query: number, rows: number, count: number, stride: number, histogram: number) => void;
  within: (query: number, rows: number, count: number, stride: number, most: bigint, list: number) => number;
  weighted_distances_at: (query: number, rows: number, list: number, count: number, stride: number, out: number, histogram: number) => void;
  keep_within: (values: number, count: number, most: number, list: number) => number;
}

const kernel = new WebAssembly.Module(readFileSync(new URL('sign-distances.wasm', import.meta.url)));
const pageBytes = 65_536;
/** What the kernel takes of a row at once. */
const strideBytes = 48;
const alignment = 16;
const headroom = 1.5;
/** Sketches that tell within how many bits so many lie: one behind the other, as they come from memory, from all over. */
const runLength = 64;
const mostRuns = 64;
/** Bits a dimension of a query, and the values they tell apart. */
const queryBits = 3;
const levels = 2 ** queryBits;
/** A query's values are told apart within so many of their standard deviations around the middle. */
const spread = 2;

/**
 * One bit a dimension of each vector: whether it is above the middle of all of them. Vectors whose bits differ in few places
 * point in nearly the same direction (Charikar, 2002, "Similarity estimation techniques from rounding algorithms"), and bits
 * are compared some ten times as fast as bytes: they tell which few vectors have to be compared by bytes. Around the middle,
 * because the vectors of E5 all point to the same side of nothing, where their signs are alike.
 *
 * Of a query more is known than its signs: at three bits a dimension, each of which counts twice as much as the one below it, it
 * tells the nearest better, but takes three times as long. So it chooses among those that signs have chosen.
 */
export class SignSketches {
  readonly #exports: Exports;
  readonly #stride: number;
  readonly #histogram: number;
  readonly #distances: number;
  readonly #list: number;
  readonly #rows: number;
  #written = 0;

  /**
   * @param middle of the vectors, one value a dimension
   * @param limit most sketches
   */
  constructor(
    private readonly middle: Float32Array,
    limit: number,
  ) {
    this.#exports = new WebAssembly.Instance(kernel).exports as unknown as Exports;
    this.#stride = Math.ceil(middle.length / 8 / strideBytes) * strideBytes;
    this.#histogram = this.#stride * queryBits;
    this.#distances = this.#histogram + (middle.length * (levels - 1) + 1) * Uint32Array.BYTES_PER_ELEMENT;
    this.#list = aligned(this.#distances + limit * Uint16Array.BYTES_PER_ELEMENT);
    // Where an index is written that does not count, there is room for one more.
    this.#rows = aligned(this.#list + (limit + 1) * Uint32Array.BYTES_PER_ELEMENT);
  }

  /** Slots that have been written, all from the first on. */
  get size(): number {
    return this.#written;
  }

  /** Writes the sketch of a slot that has one, or of the next. */
  write(slot: number, vector: ArrayLike<number>): void {
    this.#reserve(slot + 1);
    this.#sketch(vector, this.#rows + slot * this.#stride);
    this.#written = Math.max(this.#written, slot + 1);
  }

  /** Drops the last slot, after it has taken the place of another. */
  dropLast(into: number): void {
    this.#written -= 1;
    const from = this.#rows + this.#written * this.#stride;
    new Uint8Array(this.#exports.memory.buffer).copyWithin(this.#rows + into * this.#stride, from, from + this.#stride);
  }

  /**
   * @param wanted so many slots, and as many more as are no farther
   * @param among about so many of those with the nearest signs
   * @returns slots whose sketches lie nearest to the query, ascending; void after the next call
   */
  nearest(query: ArrayLike<number>, wanted: number, among: number): Uint32Array {
    const { memory, histogram: countBits, within, weighted_distances_at: weightedDistancesAt, keep_within: keepWithin } = this.#exports;
    this.#reserve(this.#written);
    this.#sketchQuery(query);
    const signs = this.#stride * (queryBits - 1);
    const histogram = new Uint32Array(memory.buffer, this.#histogram, this.middle.length * (levels - 1) + 1).fill(0);
    // How far to look is told by some: to count all would take a third of the time that comparing them takes.
    const length = Math.min(this.#written, runLength);
    const runs = Math.min(mostRuns, Math.floor(this.#written / length));
    for (let run = 0; run < runs; run++) {
      const first = Math.floor((run * this.#written) / runs);
      countBits(signs, this.#rows + first * this.#stride, length, this.#stride, this.#histogram);
    }
    let most = leastFor(histogram, (among * runs * length) / this.#written);
    const look = () => within(signs, this.#rows, this.#written, this.#stride, BigInt(most), this.#list);
    let count = look();
    // Some may lie nearer than the rest.
    for (; count < wanted && most < this.middle.length; count = look()) most = Math.min(this.middle.length, most + Math.ceil(this.middle.length / 16));
    if (count > wanted) {
      histogram.fill(0);
      weightedDistancesAt(0, this.#rows, this.#list, count, this.#stride, this.#distances, this.#histogram);
      count = keepWithin(this.#distances, count, leastFor(histogram, wanted), this.#list);
    }
    return new Uint32Array(memory.buffer, this.#list, count);
  }

  #sketch(vector: ArrayLike<number>, offset: number): void {
    const { middle } = this;
    const bits = new Uint8Array(this.#exports.memory.buffer, offset, this.#stride).fill(0);
    for (let i = 0; i < middle.length; i++) if (vector[i]! > middle[i]!) bits[i >> 3]! |= 1 << (i & 7);
  }

  /** One row of bits for each bit of a value, the lowest first: the highest are the signs. */
  #sketchQuery(query: ArrayLike<number>): void {
    const { middle } = this;
    const bits = new Uint8Array(this.#exports.memory.buffer, 0, this.#stride * queryBits).fill(0);
    let squares = 0;
    for (let i = 0; i < middle.length; i++) squares += (query[i]! - middle[i]!) ** 2;
    const step = (2 * spread * Math.sqrt(squares / middle.length)) / levels || 1;
    for (let i = 0; i < middle.length; i++) {
      const level = Math.min(levels - 1, Math.max(0, Math.ceil((query[i]! - middle[i]!) / step) + levels / 2 - 1));
      for (let bit = 0; bit < queryBits; bit++) if ((level >> bit) & 1) bits[bit * this.#stride + (i >> 3)]! |= 1 << (i & 7);
    }
  }

  #reserve(rows: number): void {
    const { memory } = this.#exports;
    const bytes = this.#rows + rows * this.#stride;
    const present = memory.buffer.byteLength;
    if (bytes > present) memory.grow(Math.ceil((this.#rows + rows * this.#stride * headroom - present) / pageBytes));
  }
}

/** @returns the least distance within which so many lie */
function leastFor(histogram: Uint32Array, wanted: number): number {
  let most = 0;
  for (let count = histogram[0]!; count < wanted && most < histogram.length - 1; count += histogram[most]!) most += 1;
  return most;
}

const aligned = (offset: number) => Math.ceil(offset / alignment) * alignment;
