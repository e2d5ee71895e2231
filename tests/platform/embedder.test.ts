import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';

const reference = JSON.parse(readFileSync(join(packageRoot, 'server/platform/embedder/models/multilingual-e5-small-ja-latin.reference.json'), 'utf8')) as {
  texts: string[];
  embeddings: number[][];
};

const program = `
import { WorkerEmbedder, locateModel } from ${JSON.stringify(pathToFileURL(join(packageRoot, 'dist/server/platform/embedder/index.js')).href)};
const log = { info() {}, warn() {}, error() {} };
const embedder = new WorkerEmbedder(await locateModel('multilingual-e5-small-ja-latin', { DATA_DIR: '.', EMBEDDING_HUB_URL: '' }, log), { EMBEDDING_WORKERS: 1, EMBEDDING_THREADS: 1, EMBEDDING_QUERY_THREADS: 1, EMBEDDING_LOW_MEMORY: true, EMBEDDING_WORKER_IDLE_SECONDS: 300 }, log);
await embedder.ready();
const texts = JSON.parse(process.argv[2]);
const vectors = [];
for (const text of texts) vectors.push(Array.from(await (text.startsWith('query: ') ? embedder.embedQuery(text.slice(7)) : embedder.embedPassage(text.slice(9)))));
process.stdout.write(JSON.stringify(vectors));
await embedder.close();
`;

test('vectors agree with the reference of another runtime', () => {
  const script = join(mkdtempSync(join(tmpdir(), 'erpfts-embed-')), 'embed.mjs');
  writeFileSync(script, program);
  const mine = JSON.parse(execFileSync(process.execPath, [script, JSON.stringify(reference.texts)]).toString()) as number[][];
  expect(mine.length).toBe(reference.embeddings.length);
  for (const [index, vector] of reference.embeddings.entries()) {
    expect(vector.reduce((sum, value, at) => sum + value * mine[index]![at]!, 0) / Math.hypot(...vector)).toBeGreaterThanOrEqual(0.99);
  }
});

const byTurns = `
import { WorkerEmbedder, locateModel } from ${JSON.stringify(pathToFileURL(join(packageRoot, 'dist/server/platform/embedder/index.js')).href)};
const log = { info() {}, warn() {}, error() {} };
const embedder = new WorkerEmbedder(await locateModel('multilingual-e5-small-ja-latin', { DATA_DIR: '.', EMBEDDING_HUB_URL: '' }, log), { EMBEDDING_WORKERS: 1, EMBEDDING_THREADS: 1, EMBEDDING_QUERY_THREADS: 2, EMBEDDING_LOW_MEMORY: false, EMBEDDING_WORKER_IDLE_SECONDS: 300 }, log);
await embedder.ready();
const vectors = [];
for (let i = 0; i < 6; i++) vectors.push(Array.from(await embedder.embedQuery('有給休暇は何日前までに申請しますか')));
process.stdout.write(JSON.stringify(vectors));
await embedder.close();
`;

test('a query has the same vector by one thread and by two', () => {
  const script = join(mkdtempSync(join(tmpdir(), 'erpfts-embed-')), 'turns.mjs');
  writeFileSync(script, byTurns);
  const [first, ...others] = JSON.parse(execFileSync(process.execPath, [script]).toString()) as number[][];
  for (const vector of others) for (const [i, value] of vector.entries()) expect(value).toBeCloseTo(first![i]!, 5);
});

const comingAndGoing = `
import { Worker } from 'node:worker_threads';
import { letIn, newGate, ownRuntime } from ${JSON.stringify(pathToFileURL(join(packageRoot, 'dist/server/platform/embedder/native-runtime.js')).href)};
ownRuntime();
const body = \`
  const { parentPort, workerData } = require('node:worker_threads');
  import(workerData.module).then(({ loadBehind }) => {
    loadBehind(workerData.gate, parentPort);
    parentPort.on('message', () => {});
    parentPort.postMessage({ loaded: true });
  });
\`;
const module = ${JSON.stringify(pathToFileURL(join(packageRoot, 'dist/server/platform/embedder/native-runtime.js')).href)};
for (let i = 0; i < 300; i++) {
  const gate = newGate();
  const worker = new Worker(body, { eval: true, workerData: { gate, module } });
  await new Promise((resolve) => worker.on('message', (message) => (message.loading ? letIn(gate) : resolve())));
  await worker.terminate();
  globalThis.garbage = Array.from({ length: 1000 }, (_, k) => ({ k, s: 'x' + k }));
}
process.stdout.write('alive');
`;

test('workers load ONNX Runtime and end, many times over, and the process lives', () => {
  const script = join(mkdtempSync(join(tmpdir(), 'erpfts-embed-')), 'workers.mjs');
  writeFileSync(script, comingAndGoing);
  expect(execFileSync(process.execPath, [script]).toString()).toBe('alive');
});

const cutOff = `
import { WorkerEmbedder, locateModel } from ${JSON.stringify(pathToFileURL(join(packageRoot, 'dist/server/platform/embedder/index.js')).href)};
const log = { info() {}, warn() {}, error() {} };
const model = await locateModel('multilingual-e5-small-ja-latin', { DATA_DIR: '.', EMBEDDING_HUB_URL: '' }, log);
for (let i = 0; i < 8; i++) {
  const embedder = new WorkerEmbedder(model, { EMBEDDING_WORKERS: 1, EMBEDDING_THREADS: 1, EMBEDDING_QUERY_THREADS: 1, EMBEDDING_LOW_MEMORY: true, EMBEDDING_WORKER_IDLE_SECONDS: 300 }, log);
  await embedder.ready();
  const given = Array.from({ length: 20 }, (_, k) => embedder.embedPassage('The well behind the mill is forty metres deep. '.repeat(k + 1)));
  const told = Promise.allSettled(given);
  await new Promise((resolve) => setTimeout(resolve, 40 * i));
  await embedder.close();
  // Whoever waits is told, and nothing waits for good.
  await told;
}
process.stdout.write('alive');
`;

test('a model that is at work is ended without ending the process', () => {
  const script = join(mkdtempSync(join(tmpdir(), 'erpfts-embed-')), 'cut-off.mjs');
  writeFileSync(script, cutOff);
  expect(execFileSync(process.execPath, [script]).toString()).toBe('alive');
});
