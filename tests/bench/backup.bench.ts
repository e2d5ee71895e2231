import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { backups, erpfts, restore, well } from '../support/backups.js';
import { evaluationSet, scalePassages } from '../support/evaluation.js';
import { TestServer } from '../support/server.js';
import { percentile } from './floor.js';
import { serverWith, uncached } from './library.js';
import { Product, residentBytes } from './product.js';
import { report } from './report.js';

const megabyte = 1024 ** 2;
const idleMs = 90_000;

/** Searches while `work` is done. @returns what it gave, their times, and the most memory the server had meanwhile */
async function searchingWhile<T>(server: TestServer, product: Product, queries: string[], work: () => Promise<T>): Promise<[T, number[], number]> {
  let most = residentBytes(server.pid).server;
  let going = true;
  const times: number[] = [];
  const searches = (async () => {
    for (let i = 0; going; i++) times.push(await product.search(queries[i % queries.length]!));
  })();
  const watch = (async () => {
    for (; going; await delay(200)) most = Math.max(most, residentBytes(server.pid).server);
  })();
  const done = await work();
  going = false;
  await Promise.all([searches, watch]);
  return [done, times, most];
}

interface Answer {
  search: { hits: { score: number; document: { id: string } }[] };
}
const answersOf = async (server: TestServer, queries: string[]) => {
  const answers: string[][] = [];
  for (const query of queries) {
    const { search } = await server.ask<Answer>('query($query: String!) { search(query: $query, first: 10) { hits { score document { id } } } }', { query });
    answers.push(search.hits.map(({ document }) => document.id));
  }
  return answers;
};

async function countsOf(server: TestServer): Promise<object> {
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: VERIFY_DATA) { id } }');
  const { result } = await server.jobDone(runMaintenance.id, 600_000);
  const { metrics } = await server.ask<{ metrics: { library: object } }>('{ metrics { library { documents chunks } } }');
  return { ...metrics.library, found: (result as { found: number }).found };
}

test('passages with their originals saved, proven and restored while searching', async () => {
  const { passages, questions } = evaluationSet('jaquad');
  const queries = questions.map(({ query }) => query);
  // Fewer take less time to make; what is wanted is wanted of all.
  const library = [...passages, ...scalePassages()].slice(0, Number(process.env['BENCH_PASSAGES'] ?? Infinity));
  const server = await serverWith('search', library, uncached);
  const product = new Product(server, 1, 10);
  const bare = mkdtempSync(join(tmpdir(), 'erpfts-bare-'));
  try {
    for (const query of queries.slice(0, 100)) await product.search(query);
    const expected = await answersOf(server, queries.slice(0, 100));
    const counts = await countsOf(server);
    // As long as a backup takes: searching alone makes a server grow for a while.
    const [, idle, idleMost] = await searchingWhile(server, product, queries, () => delay(idleMs));
    const save = async (kind: string) => {
      const { createBackup } = await server.ask<{ createBackup: { id: string } }>('mutation($kind: BackupKind!) { createBackup(kind: $kind) { id } }', {
        kind,
      });
      const started = performance.now();
      const { status, error, result } = await server.jobDone(createBackup.id, 900_000);
      expect([status, error]).toEqual(['SUCCEEDED', null]);
      return { tookMs: performance.now() - started, result: result as { id: string; bytes: number; tookMs: number } };
    };
    const [full, times, most] = await searchingWhile(server, product, queries, () => save('FULL'));
    const [again] = await searchingWhile(server, product, queries, () => save('FULL'));
    const proof = (await backups(server))[0]!.proof!;
    await product.stop();
    const restoring = performance.now();
    expect(await erpfts(bare, ['restore', full.result.id, '--yes'], { BACKUP_DIR: join(server.dataDir, 'backups') })).toMatchObject({ code: 0 });
    const restoredMs = performance.now() - restoring;
    const moved = await TestServer.start(uncached, bare);
    await well(moved);
    await moved.ask('{ search(query: "warm") { totalCount } }');
    await delay(5000);
    const found = await answersOf(moved, queries.slice(0, 100));
    const same = found.filter((ids, i) => JSON.stringify(ids) === JSON.stringify(expected[i])).length;
    const restoredCounts = await countsOf(moved);
    await moved.quit();
    const back = performance.now();
    await restore(server, full.result.id);
    const backMs = performance.now() - back;
    const p95 = (all: number[]) => percentile(all, 0.95);
    const ratio = p95(times) / p95(idle);
    const growth = most - idleMost;
    report('backup', `${library.length.toLocaleString('en')} passages with originals, one client searching`, [
      { figure: 'complete backup written, s', value: (full.result.tookMs / 1000).toFixed(1), wanted: '' },
      { figure: 'written, checked and proven, s', value: (full.tookMs / 1000).toFixed(1), wanted: '' },
      { figure: 'the next one, originals shared, written, s', value: (again.result.tookMs / 1000).toFixed(1), wanted: '' },
      { figure: 'size, MB', value: (full.result.bytes / megabyte).toFixed(1), wanted: '' },
      { figure: 'size of the database, MB', value: (statSync(join(server.dataDir, 'erpfts.sqlite')).size / megabyte).toFixed(1), wanted: '' },
      { figure: 'search p95 during backup and proof / idle', value: ratio.toFixed(2), wanted: '≤ 2' },
      { figure: 'the server grew by, beyond searching alone, MB', value: (growth / megabyte).toFixed(0), wanted: '≤ 100' },
      { figure: 'process of the proof, MB', value: (proof.peakMemoryBytes / megabyte).toFixed(0), wanted: '≤ 700' },
      { figure: 'proof, s', value: (proof.tookMs / 1000).toFixed(1), wanted: '' },
      { figure: 'restore into an empty directory, s', value: (restoredMs / 1000).toFixed(1), wanted: '' },
      { figure: 'restore of the running server until it serves, s', value: (backMs / 1000).toFixed(1), wanted: '' },
      { figure: 'same answers to 100 queries', value: same, wanted: '100' },
    ]);
    expect.soft(ratio).toBeLessThanOrEqual(2);
    expect.soft(growth).toBeLessThanOrEqual(100 * megabyte);
    expect.soft(proof.ok).toBe(true);
    expect.soft(proof.peakMemoryBytes).toBeLessThanOrEqual(700 * megabyte);
    expect.soft(same).toBe(100);
    expect.soft(restoredCounts).toEqual(counts);
  } finally {
    for (const { id } of await backups(server).catch(() => [])) await server.ask('mutation($id: ID!) { deleteBackup(id: $id) }', { id });
    await server.quit();
    rmSync(bare, { recursive: true, force: true });
    rmSync(join(server.dataDir, 'set-aside'), { recursive: true, force: true });
  }
}, 3_600_000);
