import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../server/config/index.js';
import { cleanEnvironment } from './environment.js';
import { type TestServer, until } from './server.js';

export interface BackupLine {
  id: string;
  kind: string;
  state: string;
  documents: number;
  encrypted: boolean;
  problems: string[];
  copiedAt: string | null;
  proof: { ok: boolean; queries: number; agreement: number; tookMs: number; peakMemoryBytes: number; problems: string[] } | null;
}

export async function backups(server: TestServer): Promise<BackupLine[]> {
  const { backups: found } = await server.ask<{ backups: BackupLine[] }>(
    '{ backups { id kind state documents encrypted problems copiedAt proof { ok queries agreement tookMs peakMemoryBytes problems } } }',
  );
  return found;
}

/** Saves and waits. @returns the result of the job; throws where it failed */
export async function backUp(server: TestServer, kind: string): Promise<Record<string, unknown>> {
  const { createBackup } = await server.ask<{ createBackup: { id: string } }>('mutation($kind: BackupKind!) { createBackup(kind: $kind) { id } }', { kind });
  const { status, error, result } = await server.jobDone(createBackup.id, 300_000);
  if (status !== 'SUCCEEDED') throw new Error(`the backup ${status.toLowerCase()}: ${error}\n${server.log.slice(-2000)}`);
  return result as Record<string, unknown>;
}

/** Restores and waits through the restart. */
export async function restore(server: TestServer, id: string): Promise<{ status: string; error: string | null }> {
  const { restoreBackup } = await server.ask<{ restoreBackup: { id: string } }>(
    'mutation($id: ID!, $confirm: String!) { restoreBackup(id: $id, confirm: $confirm) { id } }',
    { id, confirm: id },
  );
  return until(
    async () => {
      const answer = await server
        .send<{ job: { status: string; error: string | null } | null }>('query($id: ID!) { job(id: $id) { status error } }', { id: restoreBackup.id })
        .catch(() => null);
      const job = answer?.data?.job;
      return job && job.status !== 'RUNNING' && job.status !== 'QUEUED' ? job : null;
    },
    180_000,
    'the restore',
  );
}

/** Waits until every part is well: the vector store is filled, the model loaded. */
export async function well(server: TestServer): Promise<void> {
  let ill = '';
  await until(
    async () => {
      const { health } = await server.ask<{ health: { components: { name: string; status: string; message: string | null }[] } }>(
        '{ health { components { name status message } } }',
      );
      ill = JSON.stringify(health.components.filter(({ status }) => status !== 'HEALTHY'));
      return ill === '[]' ? true : null;
    },
    60_000,
    'the system to be well',
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${ill}\n${server.log.slice(-3000)}`);
  });
}

const questions = ['When does the ferry leave?', 'How hot is the water for sencha?', '源泉の数', 'bridge'];

/** Titles, and what a handful of questions finds. */
export async function library(server: TestServer): Promise<{ titles: string[]; answers: Record<string, string[]> }> {
  await well(server);
  const { documents } = await server.ask<{ documents: { edges: { node: { title: string } }[] } }>('{ documents(first: 100) { edges { node { title } } } }');
  const answers: Record<string, string[]> = {};
  for (const query of questions) {
    const { search } = await server.ask<{ search: { mode: string; notices: string[]; hits: { document: { title: string } }[] } }>(
      'query($query: String!) { search(query: $query) { mode notices hits { document { title } } } }',
      { query },
    );
    if (search.mode !== 'HYBRID') throw new Error(`"${query}" was answered by words only: ${search.notices.join(' ')}\n${server.log.slice(-3000)}`);
    answers[query] = search.hits.map(({ document }) => document.title);
  }
  return { titles: documents.edges.map(({ node }) => node.title).sort(), answers };
}

/** The command line on a data directory. */
export function erpfts(dataDir: string, args: string[], env: Record<string, string> = {}): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(packageRoot, 'ops/bin/erpfts.cjs'), ...args],
      { cwd: dataDir, env: { ...cleanEnvironment(), DATA_DIR: dataDir, ...env } },
      (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}
