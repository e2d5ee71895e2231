import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { loadSettings, packageRoot } from '../../server/config/index.js';
import type * as Migrations from '../../migrations/index.js';
import type * as Entities from '../../server/entities.js';
import type * as Resident from '../../server/indexing/resident-index.js';
import type * as Databases from '../../server/platform/database/index.js';
import type * as FullText from '../../server/platform/full-text/index.js';
import { createLogger } from '../../server/platform/logging/index.js';
import { Lull } from '../../server/platform/lull.js';
import type * as Vectors from '../../server/search/passage-vectors.js';
import type * as Shown from '../../server/search/shown-chunks.js';

// Built modules, because the build makes their WebAssembly.
const built = (file: string): Promise<unknown> => import(join(packageRoot, 'dist', file));
const { migrations } = (await built('migrations/index.js')) as typeof Migrations;
const { entities } = (await built('server/entities.js')) as typeof Entities;
const { Database } = (await built('server/platform/database/index.js')) as typeof Databases;
const { FullTextIndex } = (await built('server/platform/full-text/index.js')) as typeof FullText;
const { ResidentIndex } = (await built('server/indexing/resident-index.js')) as typeof Resident;
const { PassageVectors } = (await built('server/search/passage-vectors.js')) as typeof Vectors;
const { ShownChunks } = (await built('server/search/shown-chunks.js')) as typeof Shown;

let directory: string;
let database: Databases.Database;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'erpfts-ahead-'));
  const { settings } = loadSettings({ DATA_DIR: directory });
  database = await Database.open({ settings, entities, migrations, log: createLogger('error') });
});
afterAll(async () => {
  await database.close();
  await rm(directory, { recursive: true, force: true });
});

test('no step of reading ahead looks at the whole library: each takes a search its connection away', async () => {
  const asked = vi.spyOn(database.searchRead, 'query');
  const [lull, { signal }] = [new Lull(), new AbortController()];
  const fullText = new FullTextIndex(database);
  const generation = { model: 'm', collection: 'c', chunking: 2 };
  await database.write((tx) =>
    tx.query(`INSERT INTO chunk_terms (chunk_id, document_id, revision, chunking, length, terms) VALUES (1, 'd', 1, 2, 1, x'0000000001')`),
  );
  await fullText.warm(signal, lull);
  await new PassageVectors(database).warm(generation, signal, lull);
  await new ResidentIndex(database, 1000, lull).load(generation, signal);
  await new ShownChunks(database, fullText).warm(2, signal, lull);
  const statements = asked.mock.calls.map(([sql]) => sql);
  asked.mockRestore();
  expect(statements.filter((sql) => sql.includes('FROM chunk_terms')).length).toBeGreaterThan(1);
  expect(statements.filter((sql) => sql.includes('FROM chunk_vectors')).length).toBe(2);
  expect(statements.filter((sql) => sql.includes('FROM chunks WHERE id <')).length).toBe(1);
  for (const sql of statements) {
    const plan = (await database.read.query(`EXPLAIN QUERY PLAN ${sql}`)) as { detail: string }[];
    expect(plan.filter(({ detail }) => detail.startsWith('SCAN')).map(({ detail }) => `${detail}: ${sql}`)).toEqual([]);
  }
});
