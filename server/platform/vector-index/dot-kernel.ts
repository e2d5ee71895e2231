import { readFileSync } from 'node:fs';

type Dots = (query: number, rows: number, count: number, dimensions: number, stride: number, out: number) => void;

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
    for (let i = 0; i < this.dimensions; i++) values[i] = Math.round(vector[i]! / scale);
    new DataView(buffer).setFloat32(offset + this.padded, scale, true);
  }
}

/** Memory shared with the WebAssembly kernel: the query first, then a place for products, then the rows. */
export class DotKernel {
  readonly #memory: WebAssembly.Memory;
  readonly #dots: Dots;
  readonly #out: number;
  readonly #rows: number;
  /** So that the sum of all products stays within 32 bits whatever the vectors are. */
  readonly #largestQueryValue: number;
  #scale = 1;

  /** @param limit most rows compared at once */
  constructor(
    readonly format: RowFormat,
    limit: number,
  ) {
    const { memory, dots } = new WebAssembly.Instance(kernel).exports;
    this.#memory = memory as WebAssembly.Memory;
    this.#dots = dots as Dots;
    this.#largestQueryValue = Math.min(largestShort, Math.floor(largestSum / (largestByte * format.padded)));
    this.#out = format.padded * 2;
    this.#rows = Math.ceil((this.#out + limit * 4) / lanes) * lanes;
  }

  /** Room for so many rows. What was taken from `memory` before is void. */
  reserve(rows: number): void {
    const bytes = this.#rows + rows * this.format.stride;
    const present = this.#memory.buffer.byteLength;
    if (bytes > present) this.#memory.grow(Math.ceil((bytes * headroom - present) / pageBytes));
  }

  get memory(): ArrayBufferLike {
    return this.#memory.buffer;
  }

  /** Where the row at `index` begins in `memory`. */
  offset(index: number): number {
    return this.#rows + index * this.format.stride;
  }

  /** Takes the vector that rows are compared with from now on. */
  ask(query: Float32Array): void {
    this.#scale = largest(query) / this.#largestQueryValue || 1;
    const values = new Int16Array(this.#memory.buffer, 0, this.format.padded);
    for (let i = 0; i < this.format.dimensions; i++) values[i] = Math.round(query[i]! / this.#scale);
  }

  /** Products of the query with the first `count` rows, times `scale` what they would be; void after the next call. */
  products(count: number): { values: Float32Array; scale: number } {
    this.#dots(0, this.#rows, count, this.format.padded, this.format.stride, this.#out);
    return { values: new Float32Array(this.#memory.buffer, this.#out, count), scale: this.#scale };
  }
}

function largest(vector: Float32Array): number {
  let found = 0;
  for (const value of vector) found = Math.max(found, Math.abs(value));
  return found;
}
