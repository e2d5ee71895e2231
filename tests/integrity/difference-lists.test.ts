import { mkdtemp, readdir, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { DifferenceLists } from '../../server/integrity/difference-lists.js';

const job = '0b0f4c0e-52a5-4f4e-9a7e-3f1f6d1c0a11';

test('every difference is kept under its job until it is forgotten, and nothing beside them can be read', async () => {
  const folder = join(await mkdtemp(join(tmpdir(), 'differences-')), 'lists');
  const lists = new DifferenceLists(folder);
  expect(await lists.read(job)).toBeNull();
  const damages = Array.from({ length: 500 }, (_, i) => ({ kind: 'VECTOR_MISSING' as const, documentId: null, subject: `chunk ${i}`, message: 'no vector' }));
  await lists.keep(job, damages);
  expect(
    (await text((await lists.read(job))!))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual(damages);
  expect(await lists.read(`../lists/${job}`)).toBeNull();
  expect(await lists.forget(new Date(Date.now() - 60_000))).toBe(0);
  await utimes(join(folder, `${job}.jsonl`), new Date(0), new Date(0));
  expect(await lists.forget(new Date(Date.now() - 60_000))).toBe(1);
  expect(await readdir(folder)).toEqual([]);
});
