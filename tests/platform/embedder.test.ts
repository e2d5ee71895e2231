import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';

const reference = JSON.parse(readFileSync(join(packageRoot, 'server/platform/embedder/models/multilingual-e5-small-ja-latin.reference.json'), 'utf8')) as unknown;

interface Entry {
  text: string;
  vector: number[];
}

/** Pairs of text and vector, however the file nests them. */
function entriesOf(value: unknown): Entry[] {
  if (Array.isArray(value)) return value.flatMap(entriesOf);
  if (typeof value !== 'object' || value === null) return [];
  const { text, vector, embedding } = value as { text?: string; vector?: number[]; embedding?: number[] };
  const numbers = vector ?? embedding;
  return text && numbers ? [{ text, vector: numbers }] : Object.values(value).flatMap(entriesOf);
}

const program = `
import { WorkerEmbedder, locateModel } from './dist/server/platform/embedder/index.js';
const log = { info() {}, warn() {}, error() {} };
const embedder = new WorkerEmbedder(await locateModel('multilingual-e5-small-ja-latin', { DATA_DIR: '.', EMBEDDING_HUB_URL: '' }, log), { EMBEDDING_WORKERS: 1, EMBEDDING_THREADS: 1, EMBEDDING_LOW_MEMORY: true }, log);
await embedder.ready();
const texts = JSON.parse(process.argv[1]);
const vectors = [];
for (const text of texts) vectors.push(Array.from(await (text.startsWith('query: ') ? embedder.embedQuery(text.slice(7)) : embedder.embedPassage(text.slice(9)))));
process.stdout.write(JSON.stringify(vectors));
await embedder.close();
`;

test('vectors agree with the reference of another runtime', () => {
  const entries = entriesOf(reference).filter(({ text }) => /^(query|passage): /.test(text));
  expect(entries.length).toBeGreaterThanOrEqual(6);
  const vectors = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program, '--', JSON.stringify(entries.map(({ text }) => text))], { cwd: packageRoot }).toString()) as number[][];
  for (const [index, { vector }] of entries.entries()) {
    const mine = vectors[index]!;
    const norm = Math.hypot(...vector);
    expect(vector.reduce((sum, value, at) => sum + value * mine[at]!, 0) / norm).toBeGreaterThanOrEqual(0.99);
  }
});
