import { expect, test } from 'vitest';
import { HashPlaces } from '../../server/platform/full-text/hash-places.js';
import { hashTerm } from '../../server/platform/terms/index.js';

test('places are numbered as the hashes come, kept while the table grows, and none is shared', () => {
  const places = new HashPlaces();
  const count = 300_000;
  const hashes = new Set([0, 0xffffffff]);
  for (let i = 0; hashes.size < count; i++) hashes.add(hashTerm(`語${i}`));
  const inOrder = [...hashes];
  expect(inOrder.filter((hash, i) => places.get(hash) !== undefined || places.take(hash) !== i)).toEqual([]);
  expect(places.size).toBe(count);
  expect(inOrder.filter((hash, i) => places.get(hash) !== i || places.take(hash) !== i)).toEqual([]);
  expect(places.size).toBe(count);
});
