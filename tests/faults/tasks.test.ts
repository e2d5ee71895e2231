import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { embeddedModel } from '../../server/platform/embedder/index.js';
import { deriveModel } from '../support/derived-model.js';
import { TestServer } from '../support/server.js';
import { ended, maintenance, type Site, tagged, tasks, works } from './works.js';

/** On each kind of work, where it is set; else on as many kinds as there are kills. */
const each = Number(process.env['FAULT_EACH'] ?? 0);
const kills = each > 0 ? each * works.length : Number(process.env['FAULT_KILLS'] ?? 4);

interface Job {
  id: string;
  kind: string;
  status: string;
  error: string | null;
}

/** Of these none begins but on demand. */
const kinds = ['MAINTENANCE', 'SCHEDULE', 'REPROCESS', 'DELETE', 'GOLDEN', 'REEMBED', 'BACKUP'];

const jobsOf = async (server: TestServer, kinds: string[] | null = null): Promise<Job[]> => {
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
  const site: Site = { server: await filled(), begun: new Set() };
  const { begun } = site;
  const [wanted] = await tagged(site.server, 'kept');
  await site.server.ask('mutation($ids: [ID!]!) { addGoldenQuery(query: "How deep is the water?", documentIds: $ids) { id } }', { ids: [wanted] });
  const usualMs = new Map<string, number>();
  for (let round = 0; round < kills; round++) {
    const work = works[round % works.length]!;
    if (!usualMs.has(work.name)) {
      // How long it takes when nothing disturbs it: the kill falls within.
      const id = await work.begin(site);
      begun.add(id);
      const startedAt = performance.now();
      expect([work.name, ...(await ended(site, work, id))]).toEqual([work.name, 'SUCCEEDED', null]);
      usualMs.set(work.name, performance.now() - startedAt);
      await site.server.idle();
    }
    const id = await work.begin(site);
    const { server } = site;
    begun.add(id);
    // A little is allowed for the moment until it begins.
    await delay(Math.random() * (usualMs.get(work.name)! + 30));
    await server.kill();
    await server.boot();
    // Begun again, it comes to its end; failed, it says why.
    expect([work.name, ...(await ended(site, work, id))], server.log.slice(-3000)).toEqual([work.name, 'SUCCEEDED', null]);
    await server.idle(120_000);
    if (round % 10 === 9) begun.add(await isWhole(server));
  }
  // Each that was begun is there once and has ended, and nothing else was begun.
  expect((await jobsOf(site.server, kinds)).filter(({ id }) => !begun.has(id))).toEqual([]);
  expect((await jobsOf(site.server)).filter(({ status }) => status !== 'SUCCEEDED')).toEqual([]);
  await isWhole(site.server);
  await site.server.stop();
}, 14_400_000);

test('kills while every task waits at once leave none stuck and none doubled', async () => {
  const server = await filled();
  const begun = new Set<string>();
  for (let round = 0; round < (each || Math.max(1, Math.floor(kills / 10))); round++) {
    for (const task of tasks)
      begun.add(
        await maintenance(task)
          .begin({ server, begun })
          .catch(() => ''),
      );
    await delay(Math.random() * 2500);
    await server.kill();
    await server.boot();
  }
  begun.delete('');
  await server.idle(300_000, ['MAINTENANCE']);
  const jobs = await jobsOf(server, ['MAINTENANCE']);
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
    for (let round = 0; round < (each || Math.ceil(kills / 5)); round++) {
      await server.quit();
      server = await server.restarted({ EMBEDDING_MODEL: round % 2 === 0 ? join(models, 'narrow') : embeddedModel });
      await delay(Math.random() * 4000);
      await server.kill();
      await server.boot();
      await server.idle(120_000);
      const jobs = await jobsOf(server, ['REEMBED']);
      expect(jobs.filter(({ status }) => status !== 'SUCCEEDED')).toEqual([]);
      await isWhole(server);
    }
    await server.stop();
    await rm(models, { recursive: true, force: true });
  },
  3_600_000,
);
