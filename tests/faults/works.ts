import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema, type GraphQLEnumType } from 'graphql';
import { packageRoot } from '../../server/config/index.js';
import { type TestServer, until } from '../support/server.js';
import { rows } from '../support/stores.js';

/** The server under test, which some work starts anew, and the jobs that were begun on it. */
export interface Site {
  server: TestServer;
  begun: Set<string>;
}

/** A kind of long work: begins it, and answers its job. */
export interface Work {
  name: string;
  begin: (site: Site) => Promise<string>;
  /** Nobody is shown such jobs, and of what is done nothing stays. */
  isInternal?: boolean;
}

const schema = buildSchema(readFileSync(join(packageRoot, 'schema.graphql'), 'utf8'));
export const tasks = (schema.getType('MaintenanceTask') as GraphQLEnumType).getValues().map(({ name }) => name);

/** A mutation that answers a job. */
const starts = async (server: TestServer, mutation: string, variables: Record<string, unknown> = {}): Promise<string> => {
  const answer = await server.ask<Record<string, { id: string }>>(mutation, variables);
  return Object.values(answer)[0]!.id;
};

export const tagged = async (server: TestServer, tag: string) =>
  (
    await server.ask<{ documents: { edges: { node: { id: string } }[] } }>(
      'query($tags: [String!]) { documents(first: 100, filter: { tags: $tags }) { edges { node { id } } } }',
      { tags: [tag] },
    )
  ).documents.edges.map(({ node }) => node.id);

const deletion = (server: TestServer, ids: string[]) => starts(server, 'mutation($ids: [ID!]!) { deleteDocuments(ids: $ids) { id } }', { ids });

/** What work leaves to prepare for the next of its kind: done, and counted. */
async function complete({ server, begun }: Site, id: string): Promise<void> {
  begun.add(id);
  const { status, error } = await server.jobDone(id, 120_000);
  if (status !== 'SUCCEEDED') throw new Error(`preparing failed: ${error}`);
  await server.idle();
}

async function removeTagged(site: Site, tag: string): Promise<void> {
  const ids = await tagged(site.server, tag);
  if (ids.length > 0) await complete(site, await deletion(site.server, ids));
}

const jobsOfKind = async (server: TestServer, kind: string) =>
  (
    await server.ask<{ jobs: { edges: { node: { id: string } }[] } }>(
      'query($kinds: [String!]) { jobs(first: 50, filter: { kinds: $kinds }) { edges { node { id } } } }',
      {
        kinds: [kind],
      },
    )
  ).jobs.edges.map(({ node }) => node.id);

/** The job of the kind that comes by itself once `cause` has been. */
async function following(site: Site, kind: string, cause: () => Promise<unknown>): Promise<string> {
  const before = new Set(await jobsOfKind(site.server, kind));
  await cause();
  return until(async () => (await jobsOfKind(site.server, kind)).find((id) => !before.has(id)) ?? null, 60_000, `a job ${kind}`, 10);
}

export const maintenance = (task: string, options: Record<string, unknown> | null = null): Work => ({
  name: options ? `${task} ${JSON.stringify(options)}` : task,
  begin: ({ server }) =>
    starts(server, 'mutation($task: MaintenanceTask!, $options: JSONObject) { runMaintenance(task: $task, options: $options) { id } }', { task, options }),
});
const schedule = (name: string): Work => ({
  name: `schedule ${name}`,
  begin: ({ server }) => starts(server, 'mutation($name: String!) { runSchedule(name: $name) { id } }', { name }),
});

/** Long enough for a few passages with pieces of their own. */
const log = (name: string) => ({
  name: `${name}.txt`,
  content: Array.from(
    { length: 12 },
    (_, part) =>
      `Watch ${part} of voyage ${randomUUID()}. The wind came from the north and the sea was calm until the evening. Two sails were mended by the crew, and the pumps were tried for ${part + 3} minutes before the lamps were lit. The cook asked for fresh water, which was taken in at the next pier together with ${part + 2} sacks of flour.`,
  ).join('\n\n'),
});
const takeLog = async ({ server }: Site): Promise<string> => {
  const [taken] = await server.upload([log('log')], { tags: ['log'] });
  return taken!.job!.id;
};
const ingestion: Work = {
  name: 'INGEST',
  begin: async (site) => {
    await removeTagged(site, 'log');
    return takeLog(site);
  },
};
const refinement: Work = {
  name: 'REFINE',
  begin: async (site) => {
    await removeTagged(site, 'log');
    return following(site, 'REFINE', () => takeLog(site));
  },
};

const readAgain = async (server: TestServer) =>
  starts(server, 'mutation($ids: [ID!]!) { reprocessDocuments(ids: $ids) { id } }', { ids: (await tagged(server, 'kept')).slice(0, 20) });
const reprocess: Work = { name: 'REPROCESS', begin: ({ server }) => readAgain(server) };
const revisions: Work = {
  name: 'CLEAR_REVISION',
  isInternal: true,
  begin: async (site) => {
    site.begun.add(await readAgain(site.server));
    return until(
      async () => (await rows<{ id: string }>(site.server, `SELECT id FROM jobs WHERE kind = 'CLEAR_REVISION'`))[0]?.id ?? null,
      60_000,
      'a revision to clear',
    );
  },
};
const removal: Work = {
  name: 'DELETE',
  begin: async ({ server }) => {
    const taken = await server.upload(
      Array.from({ length: 10 }, (_, i) => ({ name: `passing-${i}.txt`, content: `Ship ${randomUUID()} passes pier ${i} and is not seen again.` })),
    );
    await server.idle();
    return deletion(
      server,
      taken.map(({ document }) => document!.id),
    );
  },
};
const golden: Work = { name: 'GOLDEN', begin: ({ server }) => starts(server, 'mutation { scoreGoldenQueries { id } }') };

const save = (server: TestServer, kind: string) => starts(server, 'mutation($kind: BackupKind!) { createBackup(kind: $kind) { id } }', { kind });
const backup = (kind: string): Work => ({ name: `BACKUP ${kind}`, begin: ({ server }) => save(server, kind) });

/** The newest backup of the kind; before there is one, it is made. */
async function saved(site: Site, kind: string): Promise<string> {
  const { backups } = await site.server.ask<{ backups: { id: string; kind: string; state: string }[] }>('{ backups { id kind state } }');
  const found = backups.find((one) => one.kind === kind && one.state === 'GOOD');
  if (found) return found.id;
  await complete(site, await save(site.server, kind));
  return saved(site, kind);
}
const verification = (kind: string, prove: boolean): Work => ({
  name: prove ? 'PROVE' : 'VERIFY',
  begin: async (site) =>
    starts(site.server, 'mutation($id: ID!, $prove: Boolean) { verifyBackup(id: $id, prove: $prove) { id } }', { id: await saved(site, kind), prove }),
});
/** Of ten documents that are gone here. */
const importing: Work = {
  name: 'IMPORT',
  begin: async (site) => {
    const { server } = site;
    if ((await tagged(server, 'cargo')).length < 10) {
      await removeTagged(site, 'cargo');
      await server.upload(
        Array.from({ length: 10 }, (_, i) => ({ name: `cargo-${i}.txt`, content: `Cargo ${i}: ${i * 7 + 3} barrels of oil, landed in hall ${i}.` })),
        { tags: ['cargo'] },
      );
      await server.idle();
      await complete(site, await save(server, 'LIBRARY'));
    }
    const id = await saved(site, 'LIBRARY');
    await removeTagged(site, 'cargo');
    return starts(server, 'mutation($id: ID!) { importFromBackup(id: $id) { id } }', { id });
  },
};

/** Another length of passages, each time: all is cut and embedded anew, and what answered before is not kept. */
const cutAnew = async (site: Site) => {
  const { errors, data } = await site.server.send<{ indexGenerations: { status: string; chunking: { maxTokens: number } | null }[] }>(
    '{ indexGenerations { status chunking { maxTokens } } }',
  );
  const active = data?.indexGenerations.find(({ status }) => status === 'ACTIVE')?.chunking?.maxTokens;
  if (!active) throw new Error(`no index answers: ${JSON.stringify(errors)}`);
  return following(site, 'REEMBED', async () => {
    await site.server.quit();
    site.server = await site.server.restarted({ CHUNK_MAX_TOKENS: active === 200 ? '400' : '200', INDEX_SWITCH: 'always', INDEX_KEEP_DAYS: '0' });
  });
};
const chunking: Work = { name: 'REEMBED', begin: cutAnew };
const chunkings: Work = {
  name: 'CLEAR_CHUNKING',
  begin: (site) =>
    following(site, 'CLEAR_CHUNKING', async () => {
      site.begun.add(await cutAnew(site));
    }),
};

/** Waits for its end. @returns how it ended, and why where it failed */
export async function ended({ server }: Site, work: Work, id: string): Promise<[string, string | null]> {
  if (work.isInternal) {
    await until(
      async () => ((await rows(server, `SELECT id FROM jobs WHERE id = '${id}'`)).length === 0 ? true : null),
      120_000,
      `${work.name} ${id} to be gone`,
    );
    return ['SUCCEEDED', null];
  }
  const { status, error } = await server.jobDone(id, 120_000);
  return [status, error];
}

/** Those that take longest, and so are most likely to be hit, first: a short run has no more. */
const all: Work[] = [
  maintenance('REBUILD_INDEX', { source: 'REEMBED' }),
  schedule('WEEKLY'),
  removal,
  chunking,
  importing,
  maintenance('REBUILD_INDEX', { source: 'STORED' }),
  reprocess,
  maintenance('REPAIR_DATA'),
  schedule('MONTHLY'),
  golden,
  ingestion,
  refinement,
  revisions,
  chunkings,
  ...['FULL', 'DATABASE', 'VECTORS', 'CONFIG', 'LIBRARY'].map(backup),
  verification('DATABASE', false),
  verification('FULL', true),
  maintenance('MEMORY_REPORT', { heapSnapshot: true }),
  schedule('DAILY'),
  ...tasks.filter((task) => task !== 'REBUILD_INDEX' && task !== 'REPAIR_DATA' && task !== 'MEMORY_REPORT').map((task) => maintenance(task)),
];

/** Those whose name `FAULT_WORKS`, a regular expression, matches. */
export const works = all.filter(({ name }) => new RegExp(process.env['FAULT_WORKS'] ?? '').test(name));
