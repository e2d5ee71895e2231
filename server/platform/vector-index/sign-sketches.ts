import { readFileSync } from 'node:fs';

interface Exports {
  memory: WebAssembly.Memory;
  scores: (table: number, block: number, blocks: number, step: number, parts: number, unit: number, bias: number, out: number) => void;
  at_least: (table: number, block: number, blocks: number, parts: number, unit: number, bias: number, least: number, scratch: number, list: number) => number;
}

const kernel = new WebAssembly.Module(readFileSync(new URL('sketch-scores.wasm', import.meta.url)));
const pageBytes = 65_536;
const headroom = 1.5;
/** Rows that the kernel takes at once. */
const blockRows = 16;
const scoresBytes = blockRows * Float32Array.BYTES_PER_ELEMENT;
/** Dimensions that the kernel looks up at once, and the values that as many bits have. */
const nibbleBits = 4;
const nibbles = 2 ** nibbleBits;
/** The kernel adds four entries of the query's table in a byte, and all of a row in sixteen bits. */
const largestEntry = 63;
const largestSum = 65_535;
/** Of those wanted, so many are among the rows from all over that tell how near so many lie. */
const wantedInSample = 32;
const mostSampledBlocks = 256;
/** Steps between the least and the largest score of a sample. */
const bins = 1024;
/** What every row reaches that is a vector's, a 32-bit float as the kernel's. */
const lowest = -3e38;

/**
 * One bit a dimension of each vector: whether it is above the centroid of all of them. With two numbers beside them, these tell how near a
 * vector lies to a query (Gao and Long, 2024, "RaBitQ: Quantizing high-dimensional vectors with a theoretical error bound for
 * approximate nearest neighbor search", without its rotation), and which few are worth comparing by bytes.
 *
 * A vector is c + r, c the centroid. Where b are its bits as 1 and -1, r is about f·b, f = |r|² / ⟨r, b⟩, and its product with the query q is
 * ⟨c, q⟩, the same for all, + ⟨r, c⟩, kept, + f·⟨b, q - c⟩. Around the centroid, because the vectors of E5 all point to the
 * same side of nothing, where their signs are alike.
 */
export class SignSketches {
  readonly #exports: Exports;
  /** Bytes of a row's bits, an even number as the kernel takes two at once. */
  readonly #parts: number;
  readonly #blockBytes: number;
  readonly #scratch: number;
  readonly #list: number;
  readonly #blocks: number;
  readonly #centroid: Float32Array;
  /** The kernel's memory. */
  #bytes: Uint8Array;
  #floats: Float32Array;
  #written = 0;
  #unit = 1;
  #bias = 0;

  /**
   * @param centroid of the vectors, one value a dimension
   * @param limit most sketches
   */
  constructor(centroid: Float32Array, limit: number) {
    this.#exports = new WebAssembly.Instance(kernel).exports as unknown as Exports;
    this.#bytes = new Uint8Array(this.#exports.memory.buffer);
    this.#floats = new Float32Array(this.#exports.memory.buffer);
    this.#parts = Math.ceil(centroid.length / 16) * 2;
    this.#centroid = new Float32Array(this.#parts * 8);
    this.#centroid.set(centroid);
    this.#blockBytes = this.#parts * blockRows + 2 * scoresBytes;
    const tableBytes = this.#parts * 2 * nibbles;
    this.#scratch = tableBytes;
    // The sample, and a block's scores beside it.
    this.#list = this.#scratch + (mostSampledBlocks + 1) * scoresBytes;
    this.#blocks = this.#list + Math.ceil(limit / blockRows) * scoresBytes;
  }

  /** Slots that have been written, all from the first on. */
  get size(): number {
    return this.#written;
  }

  /** Writes the sketch of a slot that has one, or of the next. */
  write(slot: number, vector: ArrayLike<number>): void {
    this.#reserve(slot + 1);
    const bytes = this.#bytes;
    const at = this.#bitsOf(slot);
    const centroid = this.#centroid;
    let squares = 0;
    let absolute = 0;
    let addend = 0;
    let byte = 0;
    for (let i = 0; i < centroid.length; i++) {
      // Dimensions that fill the last byte up are nothing on both sides.
      const value = i < vector.length ? vector[i]! - centroid[i]! : 0;
      squares += value * value;
      absolute += Math.abs(value);
      addend += value * centroid[i]!;
      byte = (byte >> 1) | (value > 0 ? 0x80 : 0);
      if ((i & 7) === 7) bytes[at + (i >> 3) * blockRows] = byte;
    }
    if (Number.isFinite(squares)) this.#rate(slot, absolute > 0 ? squares / absolute : 0, addend);
    else this.#rate(slot, 0, -Infinity);
    this.#written = Math.max(this.#written, slot + 1);
  }

  /** Drops the last slot, after it has taken the place of another. */
  dropLast(into: number): void {
    const last = this.#written - 1;
    if (into !== last) {
      const [from, to] = [this.#bitsOf(last), this.#bitsOf(into)];
      for (let at = 0; at < this.#parts * blockRows; at += blockRows) this.#bytes[to + at] = this.#bytes[from + at]!;
      const factor = this.#factorOf(last);
      this.#rate(into, this.#floats[factor]!, this.#floats[factor + blockRows]!);
    }
    this.#rate(last, 0, -Infinity);
    this.#written = last;
  }

  /**
   * @param wanted about so many slots, half as many at the least
   * @returns slots whose sketches lie nearest to the query, ascending; void after the next call
   */
  nearest(query: ArrayLike<number>, wanted: number): Uint32Array {
    this.#ask(query);
    const sample = this.#sample(wanted);
    let least: number;
    let count: number;
    let share = wanted / this.#written;
    do {
      least = thresholdOf(sample, share);
      count = this.#atLeast(least);
      share *= 2;
      // The sample errs: where too few lie as near, one looks farther.
    } while (count < wanted / 2 && least > lowest);
    return new Uint32Array(this.#exports.memory.buffer, this.#list, count);
  }

  /** Writes the query's table: for each four dimensions what each value of their four bits adds, in units above the least. */
  #ask(query: ArrayLike<number>): void {
    const centroid = this.#centroid;
    const reaches = new Float32Array(centroid.length);
    let widest = 0;
    let least = 0;
    for (let at = 0; at < centroid.length; at += nibbleBits) {
      let reach = 0;
      for (let i = at; i < at + nibbleBits; i++) reach += Math.abs((reaches[i] = (query[i] ?? 0) - centroid[i]!));
      if (reach > widest) widest = reach;
      least -= reach;
    }
    this.#unit = (2 * widest) / Math.min(largestEntry, Math.floor((largestSum * nibbleBits) / centroid.length)) || 1;
    this.#bias = least;
    const table = this.#bytes;
    const sums = new Float32Array(nibbles);
    for (let at = 0, entry = 0; at < centroid.length; at += nibbleBits, entry += nibbles) {
      // Without a bit that is set, the sum of those that stand against the query.
      sums[0] = 0.5;
      for (let i = at; i < at + nibbleBits; i++) if (reaches[i]! < 0) sums[0] -= (2 * reaches[i]!) / this.#unit;
      for (let bit = 0; bit < nibbleBits; bit++) {
        const more = (2 * reaches[at + bit]!) / this.#unit;
        for (let value = 1 << bit; value < 2 << bit; value++) sums[value] = sums[value - (1 << bit)]! + more;
      }
      for (let value = 0; value < nibbles; value++) table[entry + value] = sums[value]!;
    }
  }

  /** Scores of blocks from all over; void after the next call of this. */
  #sample(wanted: number): Float32Array {
    const { memory, scores } = this.#exports;
    const blocks = Math.ceil(this.#written / blockRows);
    const every = Math.ceil(blocks / Math.min(mostSampledBlocks, Math.ceil((wantedInSample * blocks) / wanted)));
    const sampled = Math.ceil(blocks / every);
    scores(0, this.#blocks, sampled, every * this.#blockBytes, this.#parts, this.#unit, this.#bias, this.#scratch);
    return new Float32Array(memory.buffer, this.#scratch, sampled * blockRows);
  }

  /** Lists the slots that score as much. @returns how many these are */
  #atLeast(least: number): number {
    const blocks = Math.ceil(this.#written / blockRows);
    return this.#exports.at_least(
      0,
      this.#blocks,
      blocks,
      this.#parts,
      this.#unit,
      this.#bias,
      least,
      this.#scratch + mostSampledBlocks * scoresBytes,
      this.#list,
    );
  }

  /** Where the first byte of a slot's bits stands; the others follow at a distance of `blockRows`. */
  #bitsOf(slot: number): number {
    const row = slot % blockRows;
    const half = blockRows / 2;
    // In the order in which the kernel adds them up.
    return this.#blockOf(slot) + (row < half ? row * 2 : (row - half) * 2 + 1);
  }

  /** Where a slot's factor stands among the floats; its addend follows at a distance of `blockRows`. */
  #factorOf(slot: number): number {
    return (this.#blockOf(slot) + this.#parts * blockRows) / Float32Array.BYTES_PER_ELEMENT + (slot % blockRows);
  }

  #rate(slot: number, factor: number, addend: number): void {
    const at = this.#factorOf(slot);
    this.#floats[at] = factor;
    this.#floats[at + blockRows] = addend;
  }

  #blockOf(slot: number): number {
    return this.#blocks + Math.floor(slot / blockRows) * this.#blockBytes;
  }

  /** Room for so many rows; those that are not written are never near. */
  #reserve(rows: number): void {
    const { memory } = this.#exports;
    const bytes = this.#blockOf(rows - 1) + this.#blockBytes;
    if (bytes > this.#bytes.length) {
      memory.grow(Math.ceil(((bytes - this.#blocks) * headroom + this.#blocks - this.#bytes.length) / pageBytes));
      this.#bytes = new Uint8Array(memory.buffer);
      this.#floats = new Float32Array(memory.buffer);
    }
    if (rows <= this.#written || (rows - 1) % blockRows > 0) return;
    const addends = this.#factorOf(rows - 1) + blockRows;
    this.#floats.fill(-Infinity, addends, addends + blockRows);
  }
}

/** @returns what about such a share of the sample is no less than */
function thresholdOf(sample: Float32Array, share: number): number {
  let [least, most, size] = [Infinity, -Infinity, 0];
  for (let i = 0; i < sample.length; i++) {
    const score = sample[i]!;
    if (!(score >= lowest)) continue;
    size += 1;
    least = Math.min(least, score);
    most = Math.max(most, score);
  }
  const wanted = Math.ceil(share * size);
  if (wanted >= size) return lowest;
  const counts = new Uint16Array(bins + 1);
  const perBin = bins / (most - least || 1);
  for (let i = 0; i < sample.length; i++) if (sample[i]! >= lowest) counts[Math.floor((sample[i]! - least) * perBin)]! += 1;
  let bin = bins;
  for (let count = counts[bin]!; count < wanted; count += counts[bin]!) bin -= 1;
  return least + bin / perBin;
}
