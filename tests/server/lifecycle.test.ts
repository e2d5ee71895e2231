import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { cleanEnvironment } from '../support/environment.js';
import { TestServer } from '../support/server.js';

test('subscriptions tell of jobs and of the server itself', async () => {
  const server = await TestServer.start();
  const metrics = server.subscribe<{
    liveMetrics: {
      process: { cpuShare: number; memoryBytes: number };
      library: { documents: number; chunks: number };
      queue: { queued: number };
      search: { total: number; p50Ms: number | null };
    };
  }>('subscription { liveMetrics(intervalMs: 250) { process { cpuShare memoryBytes } library { documents chunks } queue { queued } search { total p50Ms } } }');
  const jobs = server.subscribe<{ jobProgress: { id: string; kind: string; status: string; progress: number } }>(
    'subscription { jobProgress { id kind status progress } }',
  );
  await Promise.all([metrics.opened, jobs.opened]);
  await server.take('well.txt', 'The well behind the mill is forty metres deep.');
  await server.ask('{ search(query: "How deep is the well?") { totalCount } }');
  await jobs.next(({ jobProgress }) => jobProgress.kind === 'INGEST' && jobProgress.status === 'SUCCEEDED' && jobProgress.progress === 1);
  const live = await metrics.next(({ liveMetrics }) => liveMetrics.library.documents === 1 && liveMetrics.search.total > 0);
  expect(live.liveMetrics.process.memoryBytes).toBeGreaterThan(50 * 1024 ** 2);
  expect(live.liveMetrics.search.p50Ms).toBeGreaterThan(0);
  const { errors } = await server.send('subscription { liveMetrics(intervalMs: 10) { at } }');
  expect(errors.length).toBeGreaterThan(0);
  await server.stop();
});

test('whoever asks for a job while it finishes hears that it has', async () => {
  const server = await TestServer.start();
  const results = await server.upload(
    Array.from({ length: 25 }, (_, index) => ({ name: `note-${index}.txt`, content: `Note ${index} is about the weather on day ${index}.` })),
  );
  const ends = results.map(async ({ job }) => {
    // At different moments of the job's short life.
    await delay(Math.random() * 1500);
    const states = server.subscribe<{ jobProgress: { status: string } }>('subscription($id: ID!) { jobProgress(id: $id) { status } }', { id: job!.id });
    await states.next(({ jobProgress }) => jobProgress.status === 'SUCCEEDED');
    states.stop();
  });
  await Promise.all(ends);
  await server.stop();
});

test('a stop waits for requests in progress, for nothing else', async () => {
  const server = await TestServer.start();
  await server.take('well.txt', 'The well behind the mill is forty metres deep.');
  const live = server.subscribe('subscription { liveMetrics { at } }');
  await live.opened;
  // An idle connection of the test's own client stays open from here on, and one request is half sent.
  const body = JSON.stringify({ query: '{ search(query: "How deep is the well?") { totalCount } }' });
  const { hostname, port } = new URL(server.url);
  const sent = request({
    hostname,
    port,
    path: '/graphql',
    method: 'POST',
    headers: { authorization: server.authorization, 'content-type': 'application/json', 'content-length': body.length },
  });
  const answered = new Promise<string>((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => resolve(text));
    });
  });
  sent.write(body.slice(0, 20));
  await delay(300);
  const started = Date.now();
  const code = server.quit();
  await delay(500);
  sent.end(body.slice(20));
  expect(JSON.parse(await answered)).toEqual({ data: { search: { totalCount: 1 } } });
  expect(await code).toBe(0);
  // Far below SHUTDOWN_TIMEOUT_MS, which is what waiting for an idle client would take.
  expect(Date.now() - started).toBeLessThan(8000);
  await server.stop();
});

test('whoever asks for health while it starts hears that it is not ready', async () => {
  const { port } = await new Promise<AddressInfo>((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address() as AddressInfo;
      probe.close(() => resolve(address));
    });
  });
  const seen: string[] = [];
  let isUp = false;
  const watching = (async () => {
    while (!isUp) {
      const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => null);
      if (answer) seen.push(`${answer.status} ${((await answer.json()) as { status: string }).status}`);
      await delay(10);
    }
  })();
  const server = await TestServer.start({ PORT: String(port) });
  isUp = true;
  await watching;
  // A new database is made first.
  expect([...new Set(seen)]).toEqual(expect.arrayContaining(['503 starting', '503 migrating']));
  await expect.poll(async () => (await fetch(`${server.url}/health`)).status).toBe(200);
  await server.stop();
});

test('a start that fails says why and ends the process', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'erpfts-start-'));
  const env = { ...cleanEnvironment(), DATA_DIR: dataDir, PORT: '0', DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' };
  const { code, said } = await new Promise<{ code: unknown; said: string }>((resolve) => {
    execFile(process.execPath, [join(packageRoot, 'dist/server/cli.js'), 'serve'], { env, timeout: 40_000 }, (error, _out, err) =>
      resolve({ code: error?.code ?? error?.signal ?? 0, said: err }),
    );
  });
  expect([code, said]).toEqual([1, expect.stringContaining('erpfts failed')]);
  await rm(dataDir, { recursive: true, force: true });
});
