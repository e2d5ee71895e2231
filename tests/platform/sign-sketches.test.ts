import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import type * as Sketches from '../../server/platform/vector-index/sign-sketches.js';

// The built module, because the build makes its WebAssembly.
const { SignSketches } = (await import(join(packageRoot, 'dist/server/platform/vector-index/sign-sketches.js'))) as typeof Sketches;

let seed = 11;
const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
const vectorOf = (dimensions: number) => Float32Array.from({ length: dimensions }, () => random() - 0.4);

/** What bits and the two numbers beside them tell, worked out one by one: ⟨r, c⟩ + f·⟨b, q - c⟩. */
function estimate(vector: Float32Array, query: Float32Array, centroid: Float32Array): number {
  let [squares, absolute, addend, product] = [0, 0, 0, 0];
  for (let i = 0; i < centroid.length; i++) {
    const value = vector[i]! - centroid[i]!;
    squares += value * value;
    absolute += Math.abs(value);
    addend += value * centroid[i]!;
    product += (value > 0 ? 1 : -1) * (query[i]! - centroid[i]!);
  }
  return addend + (absolute > 0 ? squares / absolute : 0) * product;
}

test.each([384, 30, 1024, 4096])('sketches of %d dimensions put vectors in the order of what they tell', (dimensions) => {
  const centroid = vectorOf(dimensions).map((value) => value / 4);
  const sketches = new SignSketches(centroid, 500);
  const vectors = Array.from({ length: 473 }, () => vectorOf(dimensions));
  vectors.forEach((vector, slot) => sketches.write(slot, vector));
  // One takes another's place, the last goes into a gap, and the last just goes.
  sketches.write(5, (vectors[5] = vectorOf(dimensions)));
  sketches.dropLast(17);
  vectors[17] = vectors.pop()!;
  sketches.dropLast(vectors.length - 1);
  vectors.pop();
  expect(sketches.size).toBe(vectors.length);
  for (let asked = 0; asked < 5; asked++) {
    const query = vectorOf(dimensions);
    const scores = vectors.map((vector) => estimate(vector, query, centroid));
    const found = [...sketches.nearest(query, 60)];
    expect(found.length).toBeGreaterThanOrEqual(30);
    expect(found.length).toBeLessThan(150);
    expect(found).toEqual(found.toSorted((a, b) => a - b));
    // But for the rounding of the query's table, those found are all that score as much as the least of them.
    const least = Math.min(...found.map((slot) => scores[slot]!));
    const spread = Math.max(...scores) - Math.min(...scores);
    const others = scores.filter((_, slot) => !found.includes(slot));
    expect(Math.max(...others) - least).toBeLessThan(spread * 0.03);
  }
});

test('whatever is wanted, slots that are written are found and no others', () => {
  const sketches = new SignSketches(new Float32Array(64), 100);
  const all = (size: number) => Array.from({ length: size }, (_, slot) => slot);
  for (let size = 1; size <= 35; size++) {
    sketches.write(size - 1, vectorOf(64));
    expect([...sketches.nearest(vectorOf(64), 1000)]).toEqual(all(size));
    expect([...sketches.nearest(vectorOf(64), size)]).toEqual(all(size));
    expect(sketches.nearest(vectorOf(64), 1).length).toBeGreaterThan(0);
  }
  for (let size = 34; size >= 20; size--) {
    sketches.dropLast(size);
    expect([...sketches.nearest(vectorOf(64), 1000)]).toEqual(all(size));
  }
  for (let size = 21; size <= 40; size++) {
    sketches.write(size - 1, vectorOf(64));
    expect([...sketches.nearest(vectorOf(64), 1000)]).toEqual(all(size));
  }
});

test('a query that is no vector finds nothing, and comes to an end', () => {
  const sketches = new SignSketches(vectorOf(48), 100);
  for (let slot = 0; slot < 90; slot++) sketches.write(slot, vectorOf(48));
  expect(sketches.nearest(new Float32Array(48).fill(NaN), 10)).toHaveLength(0);
});

test('a row that is no vector is never near, and hides no other', () => {
  const sketches = new SignSketches(vectorOf(64), 1000);
  for (let slot = 0; slot < 500; slot++) sketches.write(slot, slot % 100 === 0 ? vectorOf(64).fill(NaN, 3, 4) : vectorOf(64));
  const found = [...sketches.nearest(vectorOf(64), 100)];
  expect(found.length).toBeGreaterThanOrEqual(50);
  expect(found.filter((slot) => slot % 100 === 0)).toEqual([]);
});

test('vectors that are all alike, or nothing but the centroid, are as near as each other', () => {
  const centroid = vectorOf(48);
  const sketches = new SignSketches(centroid, 4000);
  for (let slot = 0; slot < 3000; slot++) sketches.write(slot, centroid);
  expect(sketches.nearest(vectorOf(48), 100)).toHaveLength(3000);
  expect(sketches.nearest(centroid, 100)).toHaveLength(3000);
});
