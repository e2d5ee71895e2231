import { expect, test } from 'vitest';
import { MemoryPostings } from '../../server/platform/full-text/memory-postings.js';

const term = 7;
const hashes = Uint32Array.of(term);

test('chunks that are gone do not use up what may be found', () => {
  const postings = new MemoryPostings();
  for (let id = 1; id <= 10; id++) postings.add(id, hashes);
  for (let id = 4; id <= 10; id++) postings.discount(id, hashes);
  // Their removal may still be rolled back.
  expect(postings.match([term], 2)).toEqual([10, 9]);
  postings.missed([10, 9, 8, 7, 6, 5, 4]);
  expect(postings.match([term], 2)).toEqual([3, 2]);
  // Nothing was said of this one's removal: it may just not be written yet.
  postings.missed([3]);
  expect(postings.match([term], 2)).toEqual([3, 2]);
});

test('a list that lacks chunks is never answered from, however short its term becomes', () => {
  const postings = new MemoryPostings();
  for (let id = 1; id <= 4001; id++) postings.add(id, hashes);
  expect(postings.match([term], 2)).toBeNull();
  for (let id = 1; id <= 100; id++) postings.discount(id, hashes);
  expect(postings.count(term)).toBe(3901);
  expect(postings.match([term], 2)).toBeNull();
});
