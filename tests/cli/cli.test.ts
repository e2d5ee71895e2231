import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestServer } from '../support/server.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { cleanEnvironment } from '../support/environment.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'erpfts-cli-'));
  await mkdir(join(folder, 'papers/deep'), { recursive: true });
  await writeFile(join(folder, 'papers/lamp.md'), '# Lamps\n\nThe lighthouse lamp is changed every spring.\n');
  await writeFile(join(folder, 'papers/deep/horn.txt'), 'The fog horn sounds twice a minute.\n');
  await writeFile(join(folder, 'papers/deep/none.txt'), '');
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs the command line as a user does, without a server beside it. */
function erpfts(args: string[], env: Record<string, string> = {}): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(packageRoot, 'ops/bin/erpfts.cjs'), ...args],
      { cwd: folder, env: { ...cleanEnvironment(), DATA_DIR: join(folder, 'data'), ...env } },
      (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}

test('init-db and migrate make, show, take back and make again', async () => {
  expect((await erpfts(['init-db'])).code).toBe(0);
  expect(existsSync(join(folder, 'data/erpfts.sqlite'))).toBe(true);
  expect((await erpfts(['migrate', 'status'])).out).toMatch(/applied/);
  expect((await erpfts(['migrate', 'down'])).code).toBe(0);
  expect((await erpfts(['migrate', 'status'])).out).toMatch(/outstanding/);
  expect((await erpfts(['migrate', 'up'])).code).toBe(0);
});

test('ingest takes folders with all that is in them, and fails where a file was refused', async () => {
  const { code, out } = await erpfts(['--json', 'ingest', 'papers', '--tag', 'coast']);
  expect(code).toBe(1);
  const results = JSON.parse(out) as { path: string; outcome: string; code: string | null }[];
  expect(results.map(({ path, outcome, code: reason }) => [path, outcome, reason])).toEqual([
    ['papers/deep/horn.txt', 'READY', null],
    ['papers/deep/none.txt', 'REFUSED', 'EMPTY_FILE'],
    ['papers/lamp.md', 'READY', null],
  ]);
  const again = await erpfts(['ingest', 'papers/lamp.md']);
  expect({ code: again.code, out: again.out.trim() }).toEqual({ code: 0, out: '0 taken in, 1 known already, 0 failed, 0 refused' });
});

test('search and health answer for people and for programs', async () => {
  expect((await erpfts(['search', 'When', 'is', 'the', 'lamp', 'changed?'])).out).toContain('Lamps');
  const { search } = { search: JSON.parse((await erpfts(['--json', 'search', 'fog'])).out) as { hits: { document: { title: string } }[] } };
  expect(search.hits[0]?.document.title).toBe('horn');
  expect((await erpfts(['health'])).out).toMatch(/^HEALTHY/);
});

test('the schema is not changed under a running server', async () => {
  const running = await TestServer.start();
  try {
    for (const args of [['migrate', 'down'], ['migrate', 'up'], ['init-db']]) {
      const { code, err } = await erpfts(args, { DATA_DIR: running.dataDir });
      expect([code, err]).toEqual([1, expect.stringContaining('in use')]);
    }
    expect((await running.ask<{ documents: { totalCount: number } }>('{ documents { totalCount } }')).documents.totalCount).toBe(0);
  } finally {
    await running.stop();
  }
});

test('settings are shown with secrets masked', async () => {
  const { out } = await erpfts(['config'], { ADMIN_API_KEY: 'a-very-long-and-secret-key-1234' });
  expect(out).toContain('CHUNK_MAX_TOKENS=');
  expect(out).not.toContain('a-very-long-and-secret-key');
});

test.each([
  ['an unknown command', ['bogus'], {}],
  ['no file under the path', ['ingest', 'papers', '--ending', '.xyz'], {}],
  ['a wrong setting', ['serve'], { PORT: 'eighty' }],
])('%s is wrong use: exit code 2', async (_name, args, env) => {
  expect((await erpfts(args, env)).code).toBe(2);
});

test('a wrong setting is named with its value and what is allowed', async () => {
  const { err } = await erpfts(['serve'], { PORT: 'eighty', SQLITE_JOURNAL_MODE: 'FAST' });
  expect(err).toMatch(/PORT.*eighty/s);
  expect(err).toMatch(/SQLITE_JOURNAL_MODE.*FAST.*WAL/s);
});
