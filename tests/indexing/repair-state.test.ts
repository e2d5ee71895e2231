import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { type IndexMirror } from '../../server/indexing/index-mirror.js';
import type * as Repair from '../../server/indexing/index-repair.js';
import { type KnowledgeIndex } from '../../server/indexing/knowledge-index.js';
import { createLogger } from '../../server/platform/logging/index.js';

// The built module, because the build makes its WebAssembly.
const { IndexRepair } = (await import(join(packageRoot, 'dist/server/indexing/index-repair.js'))) as typeof Repair;

test('vectors that came back by other means are not called missing because a repair failed', async () => {
  let kept = 4;
  const vectors = { whenAvailable: () => Promise.resolve(), count: () => Promise.resolve(kept), ping: () => Promise.resolve() };
  const index = { vectors, active: { collection: 'passages' }, ensureCollection: () => Promise.resolve() };
  let tries = 0;
  const mirror = {
    expected: () => Promise.resolve(10),
    bring: () => {
      tries += 1;
      return Promise.reject(new Error('ChromaDB answered 500.'));
    },
  };
  const repair = new IndexRepair(index as unknown as KnowledgeIndex, mirror as unknown as IndexMirror, createLogger('fatal'));
  await repair.look();
  expect(repair.missing).toBe(6);
  await expect.poll(() => tries).toBe(1);

  kept = 10; // By a reset, which fills the collection itself.
  await repair.look();
  expect(repair.missing).toBe(0);
  await repair.stop();
});
