import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { buildSchema, type GraphQLEnumType } from 'graphql';
import { expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { embeddedModel } from '../../server/platform/embedder/index.js';
import { deriveModel } from '../support/derived-model.js';
import { TestServer } from '../support/server.js';

const kills = Number(process.env['FAULT_KILLS'] ?? 4);
const schema = buildSchema(readFileSync(join(packageRoot, 'schema.graphql'), 'utf8'));
const tasks = (schema.getType('MaintenanceTask') as GraphQLEnumType).getValues().map(({ name }) => name);

interface Job {
  id: string;
  kind: string;
  status: string;
  error: string | null;
}

/** A kind of long work: begins it, and answers its job. */
interface Work {
  name: string;
  begin: (server: TestServer) => Promise<string>;
}

const maintenance = (task: string, options: Record<string, unknown> | null = null): Work => ({
  name: options ? `${task} ${JSON.stringify(options)}` : task,
  begin: async (server) => {
    const query = 'mutation($task: MaintenanceTask!, $options: JSONObject) { runMaintenance(task: $task, options: $options) { id } }';
    return (await server.ask<{ runMaintenance: { id: string } }>(query, { task, options })).runMaintenance.id;
  },
});
const schedule = (name: string): Work => ({
  name: `schedule ${name}`,
  begin: async (server) =>
    (await server.ask<{ runSchedule: { id: string } }>('mutation($name: String!) { runSchedule(name: $name) { id } }', { name })).runSchedule.id,
});
const kept = async (server: TestServer) =>
  (
    await server.ask<{ documents: { edges: { node: { id: string } }[] } }>('{ documents(first: 20, filter: { tags: ["kept"] }) { edges { node { id } } } }')
  ).documents.edges.map(({ node }) => node.id);
const reprocess: Work = {
  name: 'REPROCESS',
  begin: async (server) => {
    const ids = await kept(server);
    const query = 'mutation($ids: [ID!]!) { reprocessDocuments(ids: $ids) { id } }';
    return (await server.ask<{ reprocessDocuments: { id: string } }>(query, { ids })).reprocessDocuments.id;
  },
};
const removal: Work = {
  name: 'DELETE',
  begin: async (server) => {
    const texts = Array.from({ length: 10 }, (_, i) => ({ name: `passing-${i}.txt`, content: `Ship ${randomUUID()} passes pier ${i} and is not seen again.` }));
    const taken = await server.upload(texts);
    await server.idle();
    const ids = taken.map(({ document }) => document!.id);
    return (await server.ask<{ deleteDocuments: { id: string } }>('mutation($ids: [ID!]!) { deleteDocuments(ids: $ids) { id } }', { ids })).deleteDocuments.id;
  },
};
const golden: Work = {
  name: 'GOLDEN',
  begin: async (server) => (await server.ask<{ scoreGoldenQueries: { id: string } }>('mutation { scoreGoldenQueries { id } }')).scoreGoldenQueries.id,
};

const backup = (kind: string): Work => ({
  name: `BACKUP ${kind}`,
  begin: async (server) =>
    (await server.ask<{ createBackup: { id: string } }>('mutation($kind: BackupKind!) { createBackup(kind: $kind) { id } }', { kind })).createBackup.id,
});
/** Of the newest backup; before there is one, one is made. */
const verification: Work = {
  name: 'VERIFY',
  begin: async (server) => {
    const { backups } = await server.ask<{ backups: { id: string }[] }>('{ backups { id } }');
    if (!backups[0]) return backup('CONFIG').begin(server);
    return (await server.ask<{ verifyBackup: { id: string } }>('mutation($id: ID!) { verifyBackup(id: $id) { id } }', { id: backups[0].id })).verifyBackup.id;
  },
};

/** Those that take longest, and so are most likely to be hit, first: a short run has no more. */
const works: Work[] = [
  maintenance('REBUILD_INDEX', { source: 'REEMBED' }),
  schedule('WEEKLY'),
  removal,
  maintenance('REBUILD_INDEX', { source: 'STORED' }),
  reprocess,
  maintenance('REPAIR_DATA'),
  schedule('MONTHLY'),
  golden,
  ...['DATABASE', 'VECTORS', 'CONFIG', 'LIBRARY'].map(backup),
  verification,
  maintenance('MEMORY_REPORT', { heapSnapshot: true }),
  schedule('DAILY'),
  ...tasks.filter((task) => task !== 'REBUILD_INDEX' && task !== 'REPAIR_DATA' && task !== 'MEMORY_REPORT').map((task) => maintenance(task)),
];
const kinds = ['MAINTENANCE', 'SCHEDULE', 'REPROCESS', 'DELETE', 'GOLDEN', 'REEMBED', 'BACKUP'];

const jobsOf = async (server: TestServer): Promise<Job[]> => {
  const jobs: Job[] = [];
  for (let after: string | null = null; ;) {
    const page: { jobs: { edges: { node: Job }[]; pageInfo: { hasNextPage: boolean; endCursor: string } } } = await server.ask(
      'query($after: String, $kinds: [String!]) { jobs(first: 100, after: $after, filter: { kinds: $kinds }) { edges { node { id kind status error } } pageInfo { hasNextPage endCursor } } }',
      { after, kinds },
    );
    jobs.push(...page.jobs.edges.map(({ node }) => node));
    if (!page.jobs.pageInfo.hasNextPage) return jobs;
    after = page.jobs.pageInfo.endCursor;
  }
};

/** @returns the job that looked */
async function isWhole(server: TestServer): Promise<string> {
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: VERIFY_DATA) { id } }');
  expect((await server.jobDone(runMaintenance.id)).result).toMatchObject({ found: 0 });
  const { indexGenerations } = await server.ask<{ indexGenerations: { status: string }[] }>('{ indexGenerations { status } }');
  expect(indexGenerations.filter(({ status }) => status === 'ACTIVE')).toHaveLength(1);
  expect(indexGenerations.filter(({ status }) => status === 'BUILDING')).toHaveLength(0);
  const { search } = await server.ask<{ search: { totalCount: number } }>(
    '{ search(query: "How deep is the water?", first: 100, filter: { tags: ["kept"] }) { totalCount } }',
  );
  expect(search.totalCount).toBe(30);
  return runMaintenance.id;
}

/** Nothing is to begin by itself while jobs are counted. */
const noTimes = Object.fromEntries(
  ['SCHEDULE_DAILY', 'SCHEDULE_WEEKLY', 'SCHEDULE_MONTHLY', 'GOLDEN_SCHEDULE', 'BACKUP_DATABASE_SCHEDULE', 'BACKUP_VECTORS_SCHEDULE']
    .concat(['BACKUP_CONFIG_SCHEDULE', 'BACKUP_FULL_SCHEDULE', 'BACKUP_PROOF_SCHEDULE'])
    .map((name) => [name, 'off']),
);

async function filled(): Promise<TestServer> {
  const server = await TestServer.start(noTimes);
  await server.upload(
    Array.from({ length: 30 }, (_, i) => ({ name: `sounding-${i}.txt`, content: `Sounding ${i}: the water is ${i * 3 + 2} fathoms deep here.` })),
    { tags: ['kept'] },
  );
  await server.idle(120_000);
  return server;
}

test(`${kills} kills, each at a random moment of one kind of work, leave none stuck, none doubled, and the data whole`, async () => {
  const server = await filled();
  const [wanted] = await kept(server);
  await server.ask('mutation($ids: [ID!]!) { addGoldenQuery(query: "How deep is the water?", documentIds: $ids) { id } }', { ids: [wanted] });
  const begun: string[] = [];
  const usualMs = new Map<string, number>();
  for (let round = 0; round < kills; round++) {
    const work = works[round % works.length]!;
    if (!usualMs.has(work.name)) {
      // How long it takes when nothing disturbs it: the kill falls within.
      const id = await work.begin(server);
      begun.push(id);
      expect([work.name, (await server.jobDone(id, 120_000)).status]).toEqual([work.name, 'SUCCEEDED']);
      const { job } = await server.ask<{ job: { startedAt: string; finishedAt: string } }>('query($id: ID!) { job(id: $id) { startedAt finishedAt } }', { id });
      usualMs.set(work.name, new Date(job.finishedAt).getTime() - new Date(job.startedAt).getTime());
      await server.idle();
    }
    const id = await work.begin(server);
    begun.push(id);
    // A little is allowed for the moment until it begins.
    await delay(Math.random() * (usualMs.get(work.name)! + 30));
    await server.kill();
    await server.boot();
    const { status, error } = await server.jobDone(id, 120_000);
    // Begun again, it comes to its end; failed, it says why.
    expect([work.name, status, error], server.log.slice(-3000)).toEqual([work.name, 'SUCCEEDED', null]);
    await server.idle(120_000);
    if (round % 10 === 9) begun.push(await isWhole(server));
  }
  const jobs = await jobsOf(server);
  // Each that was begun is there once and has ended, and nothing else was begun.
  expect(jobs.filter(({ id }) => !begun.includes(id))).toEqual([]);
  expect(jobs.filter(({ status }) => status !== 'SUCCEEDED')).toEqual([]);
  await isWhole(server);
  await server.stop();
}, 3_600_000);

test('kills while every task waits at once leave none stuck and none doubled', async () => {
  const server = await filled();
  const begun = new Set<string>();
  for (let round = 0; round < Math.max(1, Math.floor(kills / 10)); round++) {
    for (const task of tasks)
      begun.add(
        await maintenance(task)
          .begin(server)
          .catch(() => ''),
      );
    await delay(Math.random() * 2500);
    await server.kill();
    await server.boot();
  }
  begun.delete('');
  await server.idle(300_000, ['MAINTENANCE']);
  const jobs = (await jobsOf(server)).filter(({ kind }) => kind === 'MAINTENANCE');
  expect(jobs.map(({ id }) => id).sort()).toEqual([...begun].sort());
  expect(jobs.filter(({ status }) => status !== 'SUCCEEDED')).toEqual([]);
  await server.idle();
  await isWhole(server);
  await server.stop();
}, 3_600_000);

test.skipIf(kills <= 10)(
  'kills while another model takes over leave one whole index',
  async () => {
    const models = await mkdtemp(join(tmpdir(), 'erpfts-models-'));
    await deriveModel(join(models, 'narrow'), 128);
    let server = await filled();
    for (let round = 0; round < Math.ceil(kills / 5); round++) {
      await server.quit();
      server = await server.restarted({ EMBEDDING_MODEL: round % 2 === 0 ? join(models, 'narrow') : embeddedModel });
      await delay(Math.random() * 4000);
      await server.kill();
      await server.boot();
      await server.idle(120_000);
      const jobs = (await jobsOf(server)).filter(({ kind }) => kind === 'REEMBED');
      expect(jobs.filter(({ status }) => status !== 'SUCCEEDED')).toEqual([]);
      await isWhole(server);
    }
    await server.stop();
    await rm(models, { recursive: true, force: true });
  },
  3_600_000,
);
