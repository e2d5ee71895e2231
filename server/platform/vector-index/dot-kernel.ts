import { readFileSync } from 'node:fs';

interface Exports {
  memory: WebAssembly.Memory;
  dots: (query: number, rows: number, count: number, dimensions: number, stride: number, out: number) => void;
  dots_at: (query: number, rows: number, list: number, count: number, dimensions: number, stride: number, out: number) => void;
}

const kernel = new WebAssembly.Module(readFileSync(new URL('dot-products.wasm', import.meta.url)));
const pageBytes = 65_536;
const lanes = 16;
const largestByte = 127;
const largestSum = 0x7fffffff;
const largestShort = 32_767;
const headroom = 1.5;

/**
 * A row is a vector at one byte a dimension: the values, filled up with zeros to a multiple of 16, then a 32-bit float
 * scale and 12 bytes of nothing. A dot product of unit vectors is exact but for the rounding (about 0.0006).
 */
export class RowFormat {
  readonly padded: number;
  /** Bytes of a row. */
  readonly stride: number;

  constructor(readonly dimensions: number) {
    this.padded = Math.ceil(dimensions / lanes) * lanes;
    this.stride = this.padded + lanes;
  }

  /** Writes a vector as the row that begins at `offset`. */
  write(vector: Float32Array, buffer: ArrayBufferLike, offset: number): void {
    const scale = largest(vector) / largestByte || 1;
    const values = new Int8Array(buffer, offset, this.dimensions);
    const perUnit = 1 / scale;
    for (let i = 0; i < this.dimensions; i++) values[i] = Math.round(vector[i]! * perUnit);
    new DataView(buffer).setFloat32(offset + this.padded, scale, true);
  }

  /** The vector of the row that begins at `offset`, but for its rounding. */
  read(buffer: ArrayBufferLike, offset: number): Float32Array {
    const scale = new DataView(buffer).getFloat32(offset + this.padded, true);
    const values = new Int8Array(buffer, offset, this.dimensions);
    const vector = new Float32Array(this.dimensions);
    for (let i = 0; i < vector.length; i++) vector[i] = values[i]! * scale;
    return vector;
  }
}

/** Memory shared with the WebAssembly kernel: the query first, then places for products and for a list of rows, then the rows. */
export class DotKernel {
  readonly #exports: Exports;
  readonly #out: number;
  readonly #list: number;
  readonly #rows: number;
  /** So that the sum of all products stays within 32 bits whatever the vectors are. */
  readonly #largestQueryValue: number;
  #scale = 1;

  /** @param limit most rows compared at once */
  constructor(
    readonly format: RowFormat,
    limit: number,
  ) {
    this.#exports = new WebAssembly.Instance(kernel).exports as unknown as Exports;
    this.#largestQueryValue = Math.min(largestShort, Math.floor(largestSum / (largestByte * format.padded)));
    this.#out = format.padded * 2;
    this.#list = this.#out + limit * 4;
    this.#rows = Math.ceil((this.#list + limit * 4) / lanes) * lanes;
  }

  /** Room for so many rows. What was taken from `memory` before is void. */
  reserve(rows: number): void {
    const bytes = this.#rows + rows * this.format.stride;
    const present = this.#exports.memory.buffer.byteLength;
    if (bytes > present) this.#exports.memory.grow(Math.ceil((bytes * headroom - present) / pageBytes));
  }

  get memory(): ArrayBufferLike {
    return this.#exports.memory.buffer;
  }

  /** Where the row at `index` begins in `memory`. */
  offset(index: number): number {
    return this.#rows + index * this.format.stride;
  }

  /** Puts the row at one index into the place of another. */
  copy(from: number, to: number): void {
    new Uint8Array(this.memory).copyWithin(this.offset(to), this.offset(from), this.offset(from + 1));
  }

  /** Takes the vector that rows are compared with from now on. */
  ask(query: Float32Array): void {
    this.#scale = largest(query) / this.#largestQueryValue || 1;
    const values = new Int16Array(this.#exports.memory.buffer, 0, this.format.padded);
    for (let i = 0; i < this.format.dimensions; i++) values[i] = Math.round(query[i]! / this.#scale);
  }

  /** Products of the query with the first `count` rows, times `scale` what they would be; void after the next call. */
  products(count: number): { values: Float32Array; scale: number } {
    this.#exports.dots(0, this.#rows, count, this.format.padded, this.format.stride, this.#out);
    return { values: new Float32Array(this.memory, this.#out, count), scale: this.#scale };
  }

  /** The same with the rows at these indexes, no more than the limit. */
  productsAt(indexes: Uint32Array): { values: Float32Array; scale: number } {
    new Uint32Array(this.memory, this.#list, indexes.length).set(indexes);
    this.#exports.dots_at(0, this.#rows, this.#list, indexes.length, this.format.padded, this.format.stride, this.#out);
    return { values: new Float32Array(this.memory, this.#out, indexes.length), scale: this.#scale };
  }
}

function largest(vector: Float32Array): number {
  let found = 0;
  for (let i = 0; i < vector.length; i++) found = Math.max(found, Math.abs(vector[i]!));
  return found;
}
