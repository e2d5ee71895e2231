import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { backUp, backups, erpfts, library, restore } from '../support/backups.js';
import { administer, databaseUrl, hasPostgres } from '../support/postgres.js';
import { TestServer } from '../support/server.js';

const name = `erpfts_test_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
const otherName = `${name}_b`;
afterAll(async () => {
  if (hasPostgres) for (const one of [name, otherName]) await administer(`DROP DATABASE IF EXISTS ${one} WITH (FORCE)`);
});

test.skipIf(!hasPostgres)(
  'PostgreSQL is saved by pg_dump, proven in a database of its own, restored in one transaction, and moved',
  { timeout: 300_000 },
  async () => {
    await administer(`CREATE DATABASE ${name}`);
    const server = await TestServer.start({ DATABASE_URL: databaseUrl(name) });
    await server.take('ferry.txt', 'The ferry leaves the northern pier at half past six.', { tags: ['travel'] });
    const { id: tea } = await server.take('tea.txt', 'Sencha is brewed with water of seventy degrees.');
    await server.idle();
    const saved = await library(server);
    const { id } = (await backUp(server, 'FULL')) as { id: string };
    expect((await backups(server))[0]).toMatchObject({ id, state: 'GOOD', documents: 2, proof: { ok: true, agreement: 1 } });
    await server.ask('mutation($ids: [ID!]!) { deleteDocuments(ids: $ids) { id } }', { ids: [tea] });
    await server.take('bridge.txt', 'The bridge was rebuilt in 1931.');
    await server.idle();
    expect(await restore(server, id)).toMatchObject({ status: 'SUCCEEDED' });
    expect(await library(server)).toEqual(saved);
    const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: VERIFY_DATA) { id } }');
    expect((await server.jobDone(runMaintenance.id)).result).toMatchObject({ found: 0 });

    // What was set aside by a restore is no part of the next backup, and no obstacle to the next restore.
    const { id: second } = (await backUp(server, 'FULL')) as { id: string };
    expect(await restore(server, second)).toMatchObject({ status: 'SUCCEEDED' });
    expect(await library(server)).toEqual(saved);

    // To another machine with another, empty database.
    await administer(`CREATE DATABASE ${otherName}`);
    const bare = await mkdtemp(join(tmpdir(), 'erpfts-bare-'));
    const env = { DATABASE_URL: databaseUrl(otherName), BACKUP_DIR: join(server.dataDir, 'backups') };
    expect(await erpfts(bare, ['restore', 'latest', '--yes'], env)).toMatchObject({ code: 0, out: expect.stringContaining('is restored') as string });
    const moved = await TestServer.start(env, bare);
    expect(await library(moved)).toEqual(saved);
    await moved.quit();
    // What is of the other dialect is refused, and can be imported.
    const sqlite = await erpfts(bare, ['restore', id, '--yes'], { BACKUP_DIR: env.BACKUP_DIR });
    expect(sqlite).toMatchObject({ code: 1, err: expect.stringContaining('is of a PostgreSQL database') as string });
    await rm(bare, { recursive: true, force: true });
    await server.stop();
  },
);
