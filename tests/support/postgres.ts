import { connect } from 'node:net';
import pg from 'pg';
import { isCi, notice } from './environment.js';

const postgresUrl = process.env['TEST_DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';

function reachable(address: string): Promise<boolean> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve) => {
    const socket = connect(Number(port) || 5432, hostname);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Whether suites on PostgreSQL run: where it answers, and always where their failing is to be seen. */
export const hasPostgres = isCi || (await reachable(postgresUrl));
if (!hasPostgres) notice('PostgreSQL does not answer: its suites are skipped. Start it, or set TEST_DATABASE_URL.');

/** Address of a database on that server. */
export const databaseUrl = (name: string) => postgresUrl.replace(/\/[^/]*$/, `/${name}`);

/** Runs a statement outside any of our databases. */
export async function administer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgresUrl });
  await client.connect();
  await client.query(sql);
  await client.end();
}
