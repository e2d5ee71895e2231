import { type RowFormat } from '../platform/vector-index/index.js';

const scaleBytes = 4;
const largest = 127;

/** Vectors as the database keeps those of pieces: for each a 32-bit float scale, then one signed byte a dimension. */
export function packVectors(vectors: Float32Array[]): Buffer {
  const dimensions = vectors[0]?.length ?? 0;
  const packed = Buffer.alloc(vectors.length * (scaleBytes + dimensions));
  vectors.forEach((vector, index) => {
    const offset = index * (scaleBytes + dimensions);
    const scale = vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / largest || 1;
    packed.writeFloatLE(scale, offset);
    for (let i = 0; i < dimensions; i++) packed.writeInt8(Math.round(vector[i]! / scale), offset + scaleBytes + i);
  });
  return packed;
}

/** The vectors again, but for their rounding; null for bytes that hold none of so many dimensions. */
export function unpackVectors(packed: Uint8Array, dimensions: number): Float32Array[] | null {
  const count = countPacked(packed, dimensions);
  if (!Number.isInteger(count)) return null;
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  return Array.from({ length: count }, (_, index) => {
    const offset = index * (scaleBytes + dimensions);
    const scale = view.getFloat32(offset, true);
    return Float32Array.from({ length: dimensions }, (_value, i) => view.getInt8(offset + scaleBytes + i) * scale);
  });
}

/** How many vectors of so many dimensions are packed. */
export const countPacked = (packed: Uint8Array, dimensions: number): number => packed.length / (scaleBytes + dimensions);

/** A passage's vectors as rows of `format` to be compared: the whole's first, then those of its pieces. */
export function passageRows(whole: Float32Array, packedPieces: Uint8Array | null, format: RowFormat): Uint8Array {
  const packedStride = scaleBytes + format.dimensions;
  const pieces = packedPieces ? Math.floor(packedPieces.length / packedStride) : 0;
  const rows = new Uint8Array((1 + pieces) * format.stride);
  format.write(whole, rows.buffer, 0);
  for (let i = 0; i < pieces; i++) {
    const from = packedPieces!.subarray(i * packedStride, (i + 1) * packedStride);
    const to = (1 + i) * format.stride;
    rows.set(from.subarray(scaleBytes), to);
    // Both are little-endian.
    rows.set(from.subarray(0, scaleBytes), to + format.padded);
  }
  return rows;
}
