import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import { afterAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

const servers: TestServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.stop())));

/** Runs statements on the database of a server that is stopped. */
function execute(dataDir: string, sql: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(join(dataDir, 'erpfts.sqlite'));
    database.exec(sql, (error) => {
      database.close();
      if (error) reject(error);
      else resolve();
    });
  });
}

test('a damaged database is named by the integrity check', async () => {
  const server = await TestServer.start();
  servers.push(server);
  await server.take('anonymous.txt', 'Nobody has signed this note.');
  await server.quit();
  // The schema says from now on that each document has an author; this one has none.
  await execute(
    server.dataDir,
    `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'author text', 'author text NOT NULL') WHERE name = 'documents'; PRAGMA writable_schema = OFF;`,
  );
  await server.boot();
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: INTEGRITY_CHECK) { id } }');
  const job = await server.jobDone(runMaintenance.id);
  expect(job).toMatchObject({ status: 'FAILED', error: expect.stringMatching(/damaged: NULL value in documents\.author.*Restore/) as string });
  // Whoever reads Japanese is told in Japanese, by the job and by the alert.
  const told = await server.ask<{ job: { error: string }; alerts: { edges: { node: { message: string } }[] } }>(
    'query($id: ID!) { job(id: $id) { error(language: JA) } alerts(first: 1) { edges { node { message(language: JA) } } } }',
    { id: runMaintenance.id },
  );
  for (const text of [told.job.error, told.alerts.edges[0]?.node.message])
    expect(text).toMatch(/データベースが壊れています: NULL value .*バックアップから復元/);
});

test('a task that is under way is not begun a second time', async () => {
  const server = await TestServer.start();
  servers.push(server);
  const start = () => server.send<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: VACUUM) { id } }');
  const answers = await Promise.all([start(), start(), start()]);
  const started = answers.filter(({ errors }) => errors.length === 0);
  expect(started.length).toBeGreaterThan(0);
  for (const { errors } of answers) if (errors[0]) expect(errors[0].extensions).toMatchObject({ code: 'CONFLICT' });
  await server.idle();
  const { jobs } = await server.ask<{ jobs: { totalCount: number } }>('{ jobs(filter: { kinds: ["MAINTENANCE"] }) { totalCount } }');
  expect(jobs.totalCount).toBe(1);
});
