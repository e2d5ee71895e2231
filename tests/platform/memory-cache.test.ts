import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { MemoryCache } from '../../server/platform/cache/cache.js';

test('what was not asked for longest goes when the bytes are used up', async () => {
  const cache = new MemoryCache(10_000);
  for (let i = 0; i < 7; i++) await cache.set(`search:${i}`, Buffer.alloc(1000), 60);
  // Asked for again, the first outlives the second.
  expect(cache.get('search:0')).not.toBeNull();
  for (let i = 7; i < 10; i++) await cache.set(`search:${i}`, Buffer.alloc(1000), 60);
  const kept = Array.from({ length: 10 }, (_, i) => i).filter((i) => cache.get(`search:${i}`) !== null);
  // An entry takes its value, its key and some more: eight fit.
  expect(kept).toEqual([0, 3, 4, 5, 6, 7, 8, 9]);
  // One larger than all room is not kept, and drives nothing out.
  await cache.set('search:large', Buffer.alloc(20_000), 60);
  expect([cache.get('search:large'), cache.get('search:9') !== null]).toEqual([null, true]);
});

test('entries die with their time, and by kind', async () => {
  const cache = new MemoryCache(10_000);
  await cache.set('search:short', Buffer.from('a'), 0.05);
  await cache.set('search:long', Buffer.from('b'), 60);
  await cache.set('embedding:long', Buffer.from('c'), 60);
  await cache.set('search:never', Buffer.from('d'), 0);
  await delay(100);
  expect([cache.get('search:short'), cache.get('search:never'), cache.get('search:long')?.toString()]).toEqual([null, null, 'b']);
  await cache.clear('search:');
  expect([cache.get('search:long'), cache.get('embedding:long')?.toString()]).toEqual([null, 'c']);
});
