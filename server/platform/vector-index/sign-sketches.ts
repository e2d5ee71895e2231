import { readFileSync } from 'node:fs';

interface Exports {
  memory: WebAssembly.Memory;
  distances: (query: number, rows: number, count: number, stride: number, out: number, histogram: number) => void;
  within: (values: number, count: number, most: number, list: number) => number;
}

const kernel = new WebAssembly.Module(readFileSync(new URL('sign-distances.wasm', import.meta.url)));
const pageBytes = 65_536;
/** What the kernel takes of a row at once. */
const strideBytes = 48;
const alignment = 16;
const headroom = 1.5;

/**
 * One bit a dimension of each vector: whether it is above the middle of all of them. Vectors whose bits differ in few places
 * point in nearly the same direction (Charikar, 2002, "Similarity estimation techniques from rounding algorithms"), and bits
 * are compared some ten times as fast as bytes: they tell which few vectors have to be compared by bytes. Around the middle,
 * because the vectors of E5 all point to the same side of nothing, where their signs are alike.
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
    this.#histogram = this.#stride;
    this.#distances = this.#histogram + (middle.length + 1) * Uint32Array.BYTES_PER_ELEMENT;
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

  /** @returns slots whose sketches differ least from the query's: `wanted` of them, and as many more as are no farther; void after the next call */
  nearest(query: ArrayLike<number>, wanted: number): Uint32Array {
    const { memory, distances, within } = this.#exports;
    this.#reserve(this.#written);
    this.#sketch(query, 0);
    const histogram = new Uint32Array(memory.buffer, this.#histogram, this.middle.length + 1).fill(0);
    distances(0, this.#rows, this.#written, this.#stride, this.#distances, this.#histogram);
    let most = 0;
    for (let count = histogram[0]!; count < wanted && most < this.middle.length; count += histogram[most]!) most += 1;
    return new Uint32Array(memory.buffer, this.#list, within(this.#distances, this.#written, most, this.#list));
  }

  #sketch(vector: ArrayLike<number>, offset: number): void {
    const { middle } = this;
    const bits = new Uint8Array(this.#exports.memory.buffer, offset, this.#stride).fill(0);
    for (let i = 0; i < middle.length; i++) if (vector[i]! > middle[i]!) bits[i >> 3]! |= 1 << (i & 7);
  }

  #reserve(rows: number): void {
    const { memory } = this.#exports;
    const bytes = this.#rows + rows * this.#stride;
    const present = memory.buffer.byteLength;
    if (bytes > present) memory.grow(Math.ceil((this.#rows + rows * this.#stride * headroom - present) / pageBytes));
  }
}

const aligned = (offset: number) => Math.ceil(offset / alignment) * alignment;
