import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { TestServer, until } from '../support/server.js';
import { childrenOf, chromaProcess } from '../support/stores.js';

const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const question = async (server: TestServer) =>
  (
    await server.ask<{ search: { mode: string; hits: { document: { title: string } }[] } }>(
      '{ search(query: "When is the boiler swept?") { mode hits { document { title } } } }',
    )
  ).search;

test('our ChromaDB and readers end with us even when we are killed, and the next start finds its vectors', async () => {
  const server = await TestServer.start();
  await server.take('boiler.txt', 'The boiler is swept each autumn before the heating season begins.');
  const children = childrenOf(server.pid).map(({ pid }) => pid);
  expect(children).toContain(chromaProcess(server).pid);
  await server.kill();
  await until(() => (children.some(alive) ? null : true), 5000, 'the children to be gone');
  await server.boot();
  expect(await question(server)).toMatchObject({ mode: 'HYBRID', hits: [{ document: { title: 'boiler' } }] });
  await server.stop();
});

test('CHROMA_URL uses a server that runs elsewhere; what it loses is put back from the database', async () => {
  const port = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
  const launch = (folder: string) =>
    spawn(process.execPath, [join(packageRoot, 'dist/server/platform/vector-index/chroma-child.js'), join(folder, 'chroma'), String(port)], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
  const folders = [await mkdtemp(join(tmpdir(), 'erpfts-chroma-')), await mkdtemp(join(tmpdir(), 'erpfts-chroma-'))];
  let outside = launch(folders[0]!);
  const server = await TestServer.start({ CHROMA_URL: `http://127.0.0.1:${port}`, CACHE_SEARCH_TTL: '0' });
  try {
    await server.take('boiler.txt', 'The boiler is swept each autumn before the heating season begins.');
    expect(childrenOf(server.pid).some(({ args }) => args.includes('chroma-child'))).toBe(false);
    expect((await question(server)).mode).toBe('HYBRID');

    outside.kill('SIGKILL');
    await once(outside, 'exit');
    await until(async () => ((await question(server)).mode === 'KEYWORD' ? true : null), 20_000, 'a degraded answer');
    const waiting = await server.upload([{ name: 'chimney.txt', content: 'The chimney is inspected by the fire brigade every second year.' }]);
    await server.quit();

    // Another, empty one in its place.
    outside = launch(folders[1]!);
    await server.boot();
    expect((await server.settled(waiting[0]!.document!.id)).status).toBe('READY');
    await until(async () => ((await question(server)).hits.length === 2 ? true : null), 20_000, 'the vectors to be put back');
    expect((await question(server)).mode).toBe('HYBRID');
  } finally {
    await server.stop();
    outside.kill('SIGKILL');
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  }
});

test('a search does not wait for a vector index that hangs: words answer, and say so', async () => {
  const server = await TestServer.start({ SEARCH_MEANING_TIMEOUT_MS: '300', RESIDENT_VECTORS: '0', CACHE_SEARCH_TTL: '0' });
  await server.take('boiler.txt', 'The boiler is swept each autumn before the heating season begins.');
  await server.take('anchor.txt', 'The anchor is painted every spring.');
  const ask = async () => {
    const { search } = await server.ask<{ search: { mode: string; notices: string[]; hits: { document: { title: string } }[] } }>(
      '{ search(query: "When is the boiler swept?") { mode notices hits { document { title } } } }',
    );
    return search;
  };
  const { pid } = chromaProcess(server);
  process.kill(pid, 'SIGSTOP');
  try {
    const { mode, notices, hits } = await ask();
    expect([mode, notices, hits[0]?.document.title]).toEqual(['KEYWORD', [expect.stringContaining('MEANING_LATE')], 'boiler']);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await expect.poll(async () => (await ask()).mode, { timeout: 30_000 }).toBe('HYBRID');
  await server.stop();
});
