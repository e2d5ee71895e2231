import { execFile } from 'node:child_process';
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { cleanEnvironment } from '../support/environment.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
  await server.take('ferry.txt', 'The ferry leaves the northern pier at half past six.');
});
afterAll(() => server.stop());

/** The command line beside the server that runs. */
function erpfts(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(packageRoot, 'ops/bin/erpfts.cjs'), ...args],
      { cwd: server.dataDir, env: { ...cleanEnvironment(), DATA_DIR: server.dataDir } },
      (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}

test('jobs, documents and metrics are listed for people and for programs', async () => {
  expect((await erpfts('documents')).out).toMatch(/READY\s+1\s+ferry\n1 documents/);
  expect((await erpfts('documents', '--title', 'nowhere')).out.trim()).toBe('0 documents');
  const jobs = JSON.parse((await erpfts('--json', 'jobs', '--status', 'succeeded')).out) as { edges: { node: { id: string; kind: string; status: string } }[] };
  expect(jobs.edges.map(({ node }) => [node.kind, node.status])).toContainEqual(['INGEST', 'SUCCEEDED']);
  expect((await erpfts('jobs', '--status', 'failed')).out.trim()).toBe('0 jobs');
  const unknown = await erpfts('jobs', 'retry', 'nothing');
  expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('nothing')]);
  const done = jobs.edges[0]!.node;
  expect((await erpfts('jobs', 'recover', done.id)).err).toContain('only a running one can be begun again');
  expect((await erpfts('jobs', 'cancel', done.id)).out.trim()).toMatch(/^INGEST \S+ is succeeded$/);
  const shown = (await erpfts('jobs', 'show', done.id)).out;
  expect(shown).toMatch(/^INGEST {2}ferry.* {2}by \S+\nsucceeded, begun \S+Z, ended \S+Z\n\S+Z {2}BEGUN/);
  expect(shown).toMatch(/chunks: 1/);
  expect((await erpfts('jobs')).out).toMatch(/INGEST +\S+ {2}ferry.* {2}by \S+/);
  expect((await erpfts('jobs', 'show', 'nothing')).code).toBe(1);
  expect((await erpfts('metrics')).out).toMatch(/library\.documents: 1\n/);
});

test('a search tells where its time went, and the cache what it has saved', async () => {
  const search = () => erpfts('search', '--profile', 'when does the ferry leave');
  expect((await search()).out).toMatch(/ferry\n +The ferry leaves[^]*1 documents, \d+ ms\nnormalise +\d+\.\d ms[^]*embed +\d+\.\d ms/);
  expect((await search()).out).toMatch(/cache +\d+\.\d ms/);
  expect((await erpfts('search', '--mode', 'magic', 'ferry')).code).toBe(2);
  expect((await erpfts('search', '--first', '0', 'ferry')).code).toBe(2);
  expect((await erpfts('cache')).out).toMatch(/kept in: memory\n[^]*search +1 of 2 {2}50 %/);
  expect(await erpfts('cache', 'clear', 'search')).toMatchObject({ code: 0, out: 'cleared\n' });
  expect((await erpfts('maintenance')).out).toMatch(/^clear-cache +succeeded/m);
});

test('help comes with examples, and health with remedies', async () => {
  for (const command of ['search', 'restore']) expect((await erpfts(command, '--help')).out).toMatch(new RegExp(`\nExamples:\n  erpfts ${command} `));
  expect((await erpfts('health')).out).toMatch(/^HEALTHY {2}All well\. 1 document\.\nHEALTHY {4}database +\d+\.\d ms {2}since \S+Z\n/);
});

test('what was typed wrong is said, with exit code 2', async () => {
  const count = await erpfts('jobs', '--first', 'many');
  expect([count.code, count.err]).toEqual([2, expect.stringContaining('--first takes 1 to 100, not "many".')]);
  expect((await erpfts('jobs', '--status', 'asleep')).code).toBe(2);
  expect((await erpfts('cache', 'clear', 'cookies')).code).toBe(2);
  const task = await erpfts('maintenance', 'polish');
  expect([task.code, task.err]).toEqual([2, expect.stringContaining('vacuum')]);
});

test('a maintenance task is started, followed and listed', async () => {
  expect((await erpfts('maintenance')).out).toMatch(/integrity-check\s+never run/);
  const vacuum = JSON.parse((await erpfts('--json', 'maintenance', 'vacuum')).out) as { status: string; result: Record<string, number> };
  expect(vacuum.status).toBe('SUCCEEDED');
  expect(vacuum.result['bytesAfter']).toBeGreaterThan(0);
  expect((await erpfts('maintenance', 'integrity-check')).out).toContain('problems: 0');
  expect((await erpfts('maintenance')).out).toMatch(/integrity-check\s+succeeded \d{4}-/);
});

test('a memory report tells who takes what, with a snapshot of the heap where one is asked for', async () => {
  const { result } = JSON.parse((await erpfts('--json', 'maintenance', 'memory-report', '--options', '{"heapSnapshot":true}')).out) as {
    result: { process: { rss: number }; processes: { name: string; memoryBytes: number }[]; heapSpaces: { usedBytes: number }[]; snapshot: string };
  };
  expect(result.process.rss).toBeGreaterThan(50 * 1024 ** 2);
  expect(result.processes.map(({ name }) => name)).toEqual(expect.arrayContaining(['server', 'chromadb']));
  expect(result.heapSpaces.some(({ usedBytes }) => usedBytes > 1024 ** 2)).toBe(true);
  const snapshot = JSON.parse(await readFile(join(server.dataDir, 'tmp', result.snapshot), 'utf8')) as { snapshot: { node_count: number } };
  expect(snapshot.snapshot.node_count).toBeGreaterThan(10_000);
});

test('temporary files go a day after they were left behind, and not before', async () => {
  const day = 86_400_000;
  const folder = join(server.dataDir, 'tmp');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'left-behind'), 'half of it');
  await writeFile(join(folder, 'arriving'), 'the other half');
  const old = new Date(Date.now() - day - 60_000);
  await utimes(join(folder, 'left-behind'), old, old);
  const { out } = await erpfts('--json', 'maintenance', 'clean-temp');
  expect((JSON.parse(out) as { result: object }).result).toMatchObject({ files: 1, bytes: 10 });
});

test('verify-data names what is amiss and fails until it is mended', async () => {
  expect(await erpfts('verify-data')).toMatchObject({ code: 0, out: 'differences: 0\n' });
  const stray = 'e'.repeat(64);
  await mkdir(join(server.dataDir, 'originals/ee/ee'), { recursive: true });
  await writeFile(join(server.dataDir, 'originals/ee/ee', stray), 'Washed ashore.');
  const found = await erpfts('verify-data');
  expect([found.code, found.out]).toEqual([1, expect.stringMatching(new RegExp(`^ORIGINAL_ORPHAN +${stray} .*\ndifferences: 1\n$`))]);
  expect(await erpfts('verify-data', '--repair')).toMatchObject({ code: 0, out: expect.stringContaining('differences: 1, mended: 1, left: 0') as string });
  expect(await erpfts('verify-data')).toMatchObject({ code: 0, out: 'differences: 0\n' });
});
