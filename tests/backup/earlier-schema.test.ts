import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { erpfts } from '../support/backups.js';
import { TestServer } from '../support/server.js';

/** One archive of each released schema, named by its newest migration: kept as it was written then. */
const folder = join(packageRoot, 'tests/fixtures/backups');

test.each(await readdir(folder))('the backup %s restores, is brought to the present schema, and answers', async (name) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'erpfts-earlier-'));
  await copyFile(join(folder, name), join(dataDir, 'archive.tar'));
  expect(await erpfts(dataDir, ['restore', 'archive.tar', '--yes'])).toMatchObject({ code: 0 });
  const server = await TestServer.start({}, dataDir);
  await server.idle();
  const { search } = await server.ask<{ search: { hits: { document: { title: string; tags: string[] } }[] } }>(
    '{ search(query: "When does the ferry leave?") { hits { document { title tags } } } }',
  );
  expect(search.hits[0]!.document).toEqual({ title: 'ferry', tags: ['travel'] });
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: VERIFY_DATA) { id } }');
  expect((await server.jobDone(runMaintenance.id)).result).toMatchObject({ found: 0 });
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});
