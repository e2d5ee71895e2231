import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrations } from '../../migrations/index.js';
import { loadSettings } from '../../server/config/index.js';
import { AppStateEntity, Database } from '../../server/platform/database/index.js';
import { createLogger, currentScope, Logging, tellSlow, wasSlowTold, withScope } from '../../server/platform/logging/index.js';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'erpfts-scope-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('what one line says of itself is not said of the next of its request', async () => {
  const logging = new Logging('info');
  logging.toFiles({ directory, maxBytes: 100_000, count: 2 });
  withScope({ requestId: 'tide' }, () => {
    logging.feature('search').warn({ event: 'slow_query', tookMs: 3000 }, 'first');
    logging.root.info('second');
  });
  await logging.close();
  const lines = (await readFile(join(directory, 'erpfts.log'), 'utf8')).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { requestId: 'tide', event: 'slow_query', tookMs: 3000, msg: 'first' },
    { requestId: 'tide', msg: 'second' },
  ]);
  expect(lines[1]).not.toMatch(/slow_query|tookMs|feature/);
});

test('a write runs on behalf of whoever asked for it, however long others stood before it', async () => {
  const { settings } = loadSettings({ DATA_DIR: directory });
  const database = await Database.open({ settings, entities: [AppStateEntity], migrations, log: createLogger('error') });
  const asked = ['a', 'b', undefined, 'c'].map((requestId) =>
    withScope(requestId ? { requestId } : {}, () =>
      database.write(async (tx) => {
        await tx.query('SELECT 1');
        return currentScope().requestId;
      }),
    ),
  );
  expect(await Promise.all(asked)).toEqual(['a', 'b', undefined, 'c']);
  await database.close();
});

test('that a part was slow is known to its own request, from then on', () => {
  const since = performance.now();
  withScope({ requestId: 'ebb' }, () => {
    expect(wasSlowTold(since)).toBe(false);
    tellSlow();
    expect([wasSlowTold(since), wasSlowTold(performance.now() + 1)]).toEqual([true, false]);
  });
  withScope({ requestId: 'ebb' }, () => expect(wasSlowTold(since)).toBe(false));
});
