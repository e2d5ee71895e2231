import { readFileSync } from 'node:fs';
import { type Neighbour } from './vector-index.js';

type Dots = (query: number, rows: number, count: number, dimensions: number, stride: number, out: number) => void;

const kernel = new WebAssembly.Module(readFileSync(new URL('dot-products.wasm', import.meta.url)));
const pageBytes = 65_536;
const lanes = 16;
const largestByte = 127;
const largestSum = 0x7fffffff;
const largestShort = 32_767;
const headroom = 1.5;

/**
 * Unit vectors kept in memory at one byte a dimension and compared one and all with a query's: exact but for the rounding
 * (about 0.0006), and for some ten thousand vectors quicker than asking another process.
 */
export class ResidentVectors {
  readonly #memory: WebAssembly.Memory;
  readonly #dots: Dots;
  readonly #padded: number;
  readonly #stride: number;
  readonly #out: number;
  readonly #rows: number;
  /** So that the sum of all products stays within 32 bits whatever the vectors are. */
  readonly #largestQueryValue: number;
  readonly #ids: string[] = [];
  readonly #slots = new Map<string, number>();

  /** @param limit most vectors; `set` refuses more */
  constructor(
    private readonly dimensions: number,
    private readonly limit: number,
  ) {
    const { memory, dots } = new WebAssembly.Instance(kernel).exports;
    this.#memory = memory as WebAssembly.Memory;
    this.#dots = dots as Dots;
    this.#padded = Math.ceil(dimensions / lanes) * lanes;
    this.#stride = this.#padded + lanes;
    this.#largestQueryValue = Math.min(largestShort, Math.floor(largestSum / (largestByte * this.#padded)));
    this.#out = this.#padded * 2;
    this.#rows = Math.ceil((this.#out + limit * 4) / lanes) * lanes;
    this.#reserve(this.#rows);
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
      this.#reserve(this.#rows + (slot + 1) * this.#stride);
      this.#ids.push(id);
      this.#slots.set(id, slot);
    }
    const offset = this.#rows + slot * this.#stride;
    const scale = largest(vector) / largestByte || 1;
    const values = new Int8Array(this.#memory.buffer, offset, this.dimensions);
    for (let i = 0; i < this.dimensions; i++) values[i] = Math.round(vector[i]! / scale);
    new Float32Array(this.#memory.buffer, offset + this.#padded, 1)[0] = scale;
    return true;
  }

  delete(id: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    const last = this.#ids.pop()!;
    this.#slots.delete(id);
    if (last === id) return;
    const from = this.#rows + this.size * this.#stride;
    new Uint8Array(this.#memory.buffer).copyWithin(this.#rows + slot * this.#stride, from, from + this.#stride);
    this.#ids[slot] = last;
    this.#slots.set(last, slot);
  }

  /** @returns nearest first */
  nearest(query: Float32Array, limit: number): Neighbour[] {
    const scale = largest(query) / this.#largestQueryValue || 1;
    const values = new Int16Array(this.#memory.buffer, 0, this.#padded);
    for (let i = 0; i < this.dimensions; i++) values[i] = Math.round(query[i]! / scale);
    this.#dots(0, this.#rows, this.size, this.#padded, this.#stride, this.#out);
    const products = new Float32Array(this.#memory.buffer, this.#out, this.size);
    return top(products, limit).map((slot) => ({ id: this.#ids[slot]!, similarity: products[slot]! * scale }));
  }

  #reserve(bytes: number): void {
    const present = this.#memory.buffer.byteLength;
    if (bytes > present) this.#memory.grow(Math.ceil((bytes * headroom - present) / pageBytes));
  }
}

function largest(vector: Float32Array): number {
  let found = 0;
  for (const value of vector) found = Math.max(found, Math.abs(value));
  return found;
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
