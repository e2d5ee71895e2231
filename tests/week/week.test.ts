import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { cleanEnvironment } from '../support/environment.js';
import { chroma, chromaProcess } from '../support/stores.js';

/** A Thursday: the week has a Sunday and the first of a month in it. */
const start = Date.parse('2026-05-28T00:00:00Z');
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const stepMs = Number(process.env['WEEK_STEP_MINUTES'] ?? 5) * minute;
const gigabyte = 1e9;
const subjects = ['anchor', 'beacon', 'capstan', 'davit', 'ensign', 'fender', 'gangway', 'hawser'];

let dataDir: string;
let server: ChildProcess;
let url = '';
let key = '';
const usual = {
  hostCpuShare: 0.2,
  hostMemoryShare: 0.4,
  diskUsedShare: 0.5,
  diskFreeBytes: 50 * gigabyte,
  diskReadBytesPerSecond: 0,
  diskWriteBytesPerSecond: 0,
  networkReceivedBytesPerSecond: 0,
  networkSentBytesPerSecond: 0,
  openSockets: 5,
};

async function boot(): Promise<void> {
  server = fork(join(packageRoot, 'tests/week/rehearsal.cjs'), {
    cwd: dataDir,
    env: {
      ...cleanEnvironment(),
      DATA_DIR: dataDir,
      PORT: '0',
      TIME_ZONE: 'UTC',
      ALERT_HOLD_SECONDS: '600',
      UV_THREADPOOL_SIZE: '12',
      // The leak stays within it: the alert is about the machine's memory.
      MEMORY_BUDGET_MB: '4000',
      RESIDENT_VECTORS: '0',
      CACHE_SEARCH_TTL: '0',
      REHEARSAL_START: new Date(start).toISOString(),
    },
  });
  const [hello] = (await once(server, 'message')) as [{ url: string }];
  url = hello.url;
  key = (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'erpfts-week-'));
  await boot();
});
afterAll(async () => {
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  await ended;
  await rm(dataDir, { recursive: true, force: true });
});

async function ask<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data: T; errors?: { message: string }[] };
  if (errors) throw new Error(errors[0]?.message);
  return data;
}

async function upload(name: string, content: string): Promise<void> {
  const form = new FormData();
  form.set(
    'operations',
    JSON.stringify({ query: 'mutation($files: [Upload!]!) { uploadDocuments(files: $files) { error { code } } }', variables: { files: [null] } }),
  );
  form.set('map', '{"0":["variables.files.0"]}');
  form.set('0', new Blob([content]), name);
  const headers = { authorization: `Bearer ${key}`, 'apollo-require-preflight': '1' };
  const answer = (await (await fetch(`${url}/graphql`, { method: 'POST', headers, body: form })).json()) as {
    data: { uploadDocuments: { error: object | null }[] };
  };
  expect(answer.data.uploadDocuments[0]?.error).toBeNull();
}

async function watch(now: number, machine: Partial<typeof usual>, memoryBytes: number): Promise<void> {
  const answered = once(server, 'message');
  server.send({ now, host: { ...usual, ...machine }, processes: [{ name: 'server', pid: 1, cpuShare: 0.1, memoryBytes }] });
  await answered;
}

function killChroma(): void {
  try {
    process.kill(chromaProcess({ pid: server.pid! }).pid, 'SIGKILL');
  } catch {
    // It has not come up again since the last time.
  }
}

/** Exchanges the vectors of two documents, which no count shows. */
async function damageIndex(): Promise<void> {
  const client = chroma({ pid: server.pid! });
  const { name } = (await client.listCollections())[0]!;
  const collection = await client.getCollection({ name });
  // In whatever order they come.
  const { ids, embeddings } = await collection.get({ ids: ['1', '2'], include: ['embeddings'] });
  await collection.update({ ids, embeddings: [embeddings[1]!, embeddings[0]!] });
}

/** Whoever is at work asks: forty questions an hour by eight people at once in office hours, one at night. Each is answered. */
async function readers(sinceStart: number): Promise<void> {
  const hourOfDay = (sinceStart / hour) % 24;
  const people = hourOfDay >= 8 && hourOfDay < 18 ? 8 : 1;
  const questions = people > 1 ? 5 : 1;
  await Promise.all(
    Array.from({ length: people }, async (_, person) => {
      for (let i = 0; i < questions; i++) {
        const subject = subjects[(sinceStart / hour + person + i) % subjects.length]!;
        const { search } = await ask<{ search: { totalCount: number; hits: { document: { title: string } }[] } }>(
          'query($q: String!) { search(query: $q) { totalCount hits { document { title } } } }',
          { q: `Who looks after the ${subject} of pier ${sinceStart / hour}?` },
        );
        expect([subject, search.hits.map(({ document }) => document.title)]).toEqual([subject, expect.arrayContaining([`${subject}-${subject}`])]);
      }
    }),
  );
}

const quiet = async () => {
  for (;;) {
    const { jobs } = await ask<{ jobs: { totalCount: number } }>('{ jobs(filter: { statuses: [QUEUED, RUNNING] }, first: 1) { totalCount } }');
    if (jobs.totalCount === 0) return;
    await new Promise((done) => setTimeout(done, 50));
  }
};

test('a week of load, a full disk, a leak, a dying vector store and a damaged index', { timeout: 3_600_000 }, async () => {
  const documents: string[] = [];
  const add = async (label: string) => {
    const subject = subjects[documents.length % subjects.length]!;
    const name = `${subject}-${label}.txt`;
    await upload(name, `The ${subject} of pier ${label} is looked after by watch ${documents.length}.`);
    documents.push(name);
  };
  for (const label of subjects) await add(label);
  await quiet();
  const found = await ask<{ documents: { edges: { node: { id: string; fileName: string } }[] } }>(
    '{ documents(first: 50) { edges { node { id fileName } } } }',
  );
  for (const { node } of found.documents.edges)
    await ask('mutation($query: String!, $ids: [ID!]!) { addGoldenQuery(query: $query, documentIds: $ids) { id } }', {
      query: node.fileName.replace(/\W|txt/g, ' '),
      ids: [node.id],
    });

  const within = (at: number, from: number, to: number) => at >= start + from && at < start + to;
  let killed = false;
  for (let at = start + stepMs; at <= start + 7 * day; at += stepMs) {
    const machine: Partial<typeof usual> = within(at, day + 10 * hour, day + 14 * hour)
      ? { diskUsedShare: 0.9 }
      : within(at, day + 14 * hour, day + 16 * hour)
        ? { diskUsedShare: 0.99, diskFreeBytes: 0.1 * gigabyte }
        : {};
    // A leak that a restart of whatever leaked ends.
    const leaked = within(at, 2 * day + 8 * hour, 2 * day + 14 * hour) ? (at - start - 2 * day - 8 * hour) / (6 * hour) : 0;
    if (leaked > 0) machine.hostMemoryShare = 0.4 + 0.55 * leaked;
    if (within(at, 3 * day + 12 * hour, 3 * day + 13 * hour)) {
      // Killed again and again, it stays down for an hour.
      killChroma();
      killed = true;
    } else if (killed) {
      killed = false;
      await expect
        .poll(async () => (await ask<{ health: { status: string } }>('{ health { status } }')).health.status, { timeout: 60_000, interval: 500 })
        .not.toBe('UNHEALTHY');
      await quiet();
    }
    await watch(at, machine, (1 + 2 * leaked) * gigabyte);
    const sinceStart = at - start;
    if (sinceStart === 4 * day + 12 * hour) await damageIndex();
    if (sinceStart === 5 * day + 12 * hour) {
      await ask('mutation { runMaintenance(task: REBUILD_INDEX) { id } }');
      await quiet();
    }
    if (sinceStart % (6 * hour) === 0) await add(`after-${sinceStart / hour}-hours`);
    if (sinceStart % hour === 0) await readers(sinceStart);
    // Schedules that came due are done before time goes on: in an hour of the week there would have been time.
    if (sinceStart % (30 * minute) === 0 && !killed) await quiet();
  }
  await quiet();

  const { jobs } = await ask<{ jobs: { edges: { node: { status: string; error: string | null; result: { schedule: string; due: string } } }[] } }>(
    '{ jobs(first: 100, filter: { kinds: ["SCHEDULE"] }) { edges { node { status error result } } } }',
  );
  const runs = jobs.edges.map(({ node }) => node);
  expect(runs.filter(({ status }) => status !== 'SUCCEEDED')).toEqual([]);
  const times = (schedule: string) =>
    runs
      .filter(({ result }) => result.schedule === schedule)
      .map(({ result }) => result.due)
      .sort();
  const days = (hourOfDay: string) => Array.from({ length: 7 }, (_, i) => `${new Date(start + i * day).toISOString().slice(0, 10)}T${hourOfDay}:00.000Z`);
  expect({
    ...{ daily: times('DAILY'), weekly: times('WEEKLY'), monthly: times('MONTHLY'), golden: times('GOLDEN_QUERIES') },
    ...{ database: times('BACKUP_DATABASE'), vectors: times('BACKUP_VECTORS'), config: times('BACKUP_CONFIG') },
    ...{ full: times('BACKUP_FULL'), proof: times('BACKUP_PROOF') },
  }).toEqual({
    database: days('02:00'),
    vectors: days('03:00'),
    config: ['2026-05-31T01:00:00.000Z'],
    full: ['2026-06-01T06:00:00.000Z'],
    proof: ['2026-05-30T06:00:00.000Z'],
    daily: days('03:30'),
    weekly: ['2026-05-31T04:00:00.000Z'],
    monthly: ['2026-06-01T05:00:00.000Z'],
    golden: days('04:30'),
  });
  const { reports } = await ask<{ reports: { edges: { node: { kind: string } }[] } }>('{ reports(first: 50) { edges { node { kind } } } }');
  expect(reports.edges.map(({ node }) => node.kind).sort()).toEqual(['CAPACITY', 'LOG_ANALYSIS', 'PERFORMANCE', 'UPDATE_CHECK']);
  const { alerts } = await ask<{ alerts: { edges: { node: { rule: string; state: string } }[] } }>('{ alerts(first: 50) { edges { node { rule state } } } }');
  expect(alerts.edges.map(({ node }) => `${node.rule} ${node.state}`).sort()).toEqual([
    'disk RESOLVED',
    'health:ingestion RESOLVED',
    'health:search_quality RESOLVED',
    'health:vector_db RESOLVED',
    'memory RESOLVED',
  ]);
  const all = await ask<{ documents: { totalCount: number }; search: { totalCount: number } }>(
    '{ documents(filter: { statuses: [READY] }) { totalCount } search(query: "Who looks after the pier?", first: 100) { totalCount } }',
  );
  expect([all.documents.totalCount, all.search.totalCount]).toEqual([documents.length, documents.length]);
  const { runMaintenance } = await ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: VERIFY_DATA) { id } }');
  await quiet();
  const { job } = await ask<{ job: { result: { found: number } } }>('query($id: ID!) { job(id: $id) { result } }', { id: runMaintenance.id });
  expect(job.result.found).toBe(0);
  const { metricsHistory, metricsHistorySize } = await ask<{ metricsHistory: { memory: number }[]; metricsHistorySize: { bytes: number } }>(
    'query($from: DateTime!, $to: DateTime!) { metricsHistory(range: { from: $from, to: $to }, step: 3600) { memory: hostMemoryShare } metricsHistorySize { bytes } }',
    { from: new Date(start + hour).toISOString(), to: new Date(start + 7 * day).toISOString() },
  );
  expect(metricsHistory).toHaveLength(7 * 24 - 1);
  expect(Math.max(...metricsHistory.map(({ memory }) => memory))).toBeGreaterThan(0.6);
  expect(metricsHistorySize.bytes).toBeLessThan(20e6);
});
