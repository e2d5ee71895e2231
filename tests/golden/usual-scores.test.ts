import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadSettings } from '../../server/config/index.js';
import { UsualScores } from '../../server/golden/usual-scores.js';
import { AppStateEntity, Database } from '../../server/platform/database/index.js';
import { createLogger } from '../../server/platform/logging/index.js';
import { migrations } from '../../migrations/index.js';

const most = 0.03;
const question = (id: string, score: number) => ({ id, documentIds: ['d'], ndcg: score, recall: 1, vectorNdcg: 1, mrr: 1 });

let folder: string;
let database: Database;
let usual: UsualScores;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'erpfts-golden-'));
  const { settings } = loadSettings({ DATA_DIR: folder });
  database = await Database.open({ settings, entities: [AppStateEntity], migrations, log: createLogger('error') });
  usual = new UsualScores(database);
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A run: what fell, which decides whether it becomes usual. */
async function run(...scored: ReturnType<typeof question>[]): Promise<string[]> {
  const falls = await usual.falls(scored, most);
  await database.write((tx) => usual.keep(tx, scored, falls.length === 0));
  return falls.map(({ measure, from, to }) => `${measure} ${from.toFixed(2)} ${to.toFixed(2)}`);
}

test('a fall of one run is seen, also by MRR alone', async () => {
  expect(await run(question('a', 0.9))).toEqual([]);
  expect(await run(question('a', 0.8))).toEqual(['ndcg 0.90 0.80']);
  expect(await run({ ...question('a', 0.9), mrr: 0.5 })).toEqual(['mrr 1.00 0.50']);
});

test('a slow fall is seen, although each run is hardly worse than the one before', async () => {
  const scores = [0.95, 0.94, 0.93, 0.912];
  const told = [];
  for (const score of scores) told.push(await run(question('a', score), question('b', score)));
  expect(told).toEqual([[], [], [], ['ndcg 0.95 0.91']]);
  // Accepted, the next fall is measured from there.
  await run(question('a', 0.9), question('b', 0.9));
  await database.write((tx) => usual.accept(tx));
  expect(await run(question('a', 0.89), question('b', 0.89))).toEqual([]);
  expect(await run(question('a', 0.86), question('b', 0.86))).toEqual(['ndcg 0.90 0.86']);
});

test('what has become better is what the next fall is measured from', async () => {
  await run(question('a', 0.7));
  for (let i = 0; i < 5; i++) expect(await run(question('a', 0.9))).toEqual([]);
  expect(await run(question('a', 0.8))).toEqual(['ndcg 0.90 0.80']);
});

test('a hard question that is added is no fall, nor is one that leaves', async () => {
  await run(question('a', 0.9));
  expect(await run(question('a', 0.9), question('b', 0.1))).toEqual([]);
  expect(await run(question('b', 0.1))).toEqual([]);
  expect(await run(question('b', 0.05))).toEqual(['ndcg 0.10 0.05']);
});

test('what an earlier version kept has no MRR, and is compared all the same', async () => {
  await run(question('a', 0.9));
  const [row] = (await database.read.query(`SELECT value FROM app_state WHERE key = 'golden.scores'`)) as { value: string }[];
  const kept = JSON.parse(row!.value) as { usual: Record<string, { scores: number[][] }>; accepted?: object };
  for (const { scores } of Object.values(kept.usual)) for (const one of scores) one.pop();
  delete kept.accepted;
  await database.write((tx) => tx.update(AppStateEntity, { key: 'golden.scores' }, { value: JSON.stringify(kept) }));
  expect(await run({ ...question('a', 0.9), mrr: 0.2 })).toEqual([]);
  expect(await run({ ...question('a', 0.8), mrr: 0.1 })).toEqual(['ndcg 0.90 0.80', 'mrr 0.20 0.10']);
});
