import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BackupFolder } from '../../server/backup/backup-folder.js';
import { check } from '../../server/backup/restoring/check.js';
import { backUp, backups, library } from '../support/backups.js';
import { administer, databaseUrl, hasPostgres } from '../support/postgres.js';
import { TestServer } from '../support/server.js';

const cycles = Number(process.env['FAULT_CYCLES'] ?? 4);
const name = `erpfts_test_${randomUUID().replaceAll('-', '').slice(0, 12)}`;

describe.each<{ dialect: string; cycles: number; env: Record<string, string> }>([
  { dialect: 'SQLite', cycles, env: {} },
  { dialect: 'PostgreSQL', cycles: Math.ceil(cycles / 5), env: { DATABASE_URL: databaseUrl(name) } },
])('on $dialect', ({ dialect, cycles, env }) => {
  const skipped = dialect === 'PostgreSQL' && !hasPostgres;
  let server: TestServer;
  beforeAll(async () => {
    if (skipped) return;
    if (dialect === 'PostgreSQL') await administer(`CREATE DATABASE ${name}`);
    server = await TestServer.start(env);
    await server.upload(
      Array.from({ length: 30 }, (_, i) => ({ name: `sounding-${i}.txt`, content: `Sounding ${i}: the water is ${i * 3 + 2} fathoms deep.` })),
    );
    await server.idle();
  });
  afterAll(async () => {
    await server?.stop();
    if (dialect === 'PostgreSQL' && !skipped) await administer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  });

  /** Every backup that is listed as good is what was written. */
  async function goodOnesAre(): Promise<void> {
    const folder = new BackupFolder(join(server.dataDir, 'backups'));
    const settings = { BACKUP_PASSPHRASE: '', BACKUP_KEY_FILE: '' };
    for (const { id, state } of await backups(server)) {
      if (state === 'GOOD') expect((await check(id, { folder, settings, signal: new AbortController().signal, report: () => undefined })).problems).toEqual([]);
    }
  }

  async function isWhole(): Promise<void> {
    const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: VERIFY_DATA) { id } }');
    const verified = await server.jobDone(runMaintenance.id);
    expect(verified, server.log.slice(-3000)).toMatchObject({ status: 'SUCCEEDED', error: null, result: { found: 0 } });
  }

  test.skipIf(skipped)(
    `${cycles} kills during backups: none is listed as good that is not`,
    async () => {
      const startedAt = performance.now();
      await backUp(server, 'FULL');
      const usualMs = performance.now() - startedAt;
      for (let cycle = 0; cycle < cycles; cycle++) {
        // Every third with its proof, which takes most of the time; the short run has one.
        const kind = cycle % 3 === 0 && (cycle === 0 || cycles > 10) ? 'FULL' : 'DATABASE';
        await server.ask('mutation($kind: BackupKind!) { createBackup(kind: $kind) { id } }', { kind });
        await delay(Math.random() * (kind === 'FULL' ? usualMs : usualMs / 3));
        await server.kill();
        await server.boot();
        // Whatever was under way goes on, or begins again.
        await server.idle(120_000, ['BACKUP']);
        await goodOnesAre();
      }
      await backUp(server, 'DATABASE');
      expect((await readdir(join(server.dataDir, 'backups'))).filter((name) => name.endsWith('.partial'))).toEqual([]);
      await isWhole();
    },
    7_200_000,
  );

  test.skipIf(skipped)(
    `${cycles} kills during restores: the state is the old or the new one, whole`,
    async () => {
      const { id } = (await backUp(server, 'FULL')) as { id: string };
      const saved = await library(server);
      let outcomes = 0;
      for (let cycle = 0; cycle < cycles; cycle++) {
        await server.take(`later-${cycle}.txt`, `What came later, ${cycle}.`);
        await server.idle();
        const present = await library(server);
        expect(present.titles).not.toEqual(saved.titles);
        await server.ask('mutation($id: ID!, $confirm: String!) { restoreBackup(id: $id, confirm: $confirm) { id } }', { id, confirm: id });
        await delay(Math.random() * 5000);
        await server.kill();
        await server.boot();
        // A restore that was not decided on yet goes on, and starts the server anew: what comes then is the new state.
        await eventually(server, () => server.idle(120_000, ['BACKUP']));
        const found = await library(server);
        const expected = found.titles.length === saved.titles.length ? saved : present;
        expect(found).toEqual(expected);
        if (expected === saved) outcomes += 1;
        if (cycles > 10 || cycle === cycles - 1) await isWhole();
      }
      // Which of the two it was is up to the moment: of many, some got through.
      if (cycles > 3) expect(outcomes).toBeGreaterThan(0);
    },
    7_200_000,
  );
});

/** Answers once the server has come back from starting anew. */
async function eventually<T>(server: TestServer, ask: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (attempt > 150) throw new Error(`the server has not come back: ${String(error)}\n${server.log.slice(-4000)}`);
      await delay(500);
    }
  }
}
