import { afterAll, expect, test } from 'vitest';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageRoot } from '../../server/config/index.js';
import { smallDisk } from '../support/disks.js';
import { cleanEnvironment } from '../support/environment.js';
import { TestServer } from '../support/server.js';

const servers: TestServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.stop())));

interface Health {
  health: { components: { name: string; status: string; message: string | null }[]; summary: string };
}
const ingestion = async (server: TestServer) =>
  (await server.ask<Health>('{ health { components { name status message } summary } }')).health.components.find(({ name }) => name === 'ingestion');

test('ingestion pauses before memory runs out, says so, and goes on where there is room again', async () => {
  const watching = { METRICS_INTERVAL_SECONDS: '1', HEALTH_INTERVAL_MS: '500', LOG_LEVEL: 'warn' };
  const server = await TestServer.start({ ...watching, MEMORY_BUDGET_MB: '50' });
  servers.push(server);
  await expect
    .poll(() => ingestion(server), { timeout: 20_000 })
    .toMatchObject({ status: 'DEGRADED', message: expect.stringContaining('MEMORY_BUDGET_MB') as string });
  const line = server.log.split('\n').find((one) => one.includes('high_memory'));
  expect(JSON.parse(line ?? '{}')).toMatchObject({
    jobs: [],
    searches: { p95Ms: null },
    processes: expect.arrayContaining([{ name: 'server', memoryBytes: expect.any(Number) as number }]) as unknown[],
  });
  const [upload] = await server.upload([{ name: 'cargo.txt', content: 'The cargo waits on the pier.' }]);
  await new Promise((done) => setTimeout(done, 3000));
  const { document } = await server.ask<{ document: { status: string } }>('query($id: ID!) { document(id: $id) { status } }', { id: upload!.document!.id });
  expect(document.status).toBe('QUEUED');
  await expect
    .poll(
      async () =>
        (await server.ask<{ alerts: { edges: { node: { rule: string } }[] } }>('{ alerts { edges { node { rule } } } }')).alerts.edges.map(
          ({ node }) => node.rule,
        ),
      { timeout: 30_000 },
    )
    .toContain('health:ingestion');
  await server.quit();
  const roomy = await server.restarted({ MEMORY_BUDGET_MB: '0' });
  servers.push(roomy);
  expect(await roomy.settled(upload!.document!.id)).toMatchObject({ status: 'READY' });
  expect(await ingestion(roomy)).toMatchObject({ status: 'HEALTHY' });
});

const megabyte = 1024 ** 2;
const fill = (path: string, megabytes: number) => writeFile(path, Buffer.alloc(megabytes * megabyte, 1));
/** Far more than are read at once, on a fast machine, too. */
const cargo = Array.from({ length: 48 }, (_, i) => ({ name: `cargo-${i}.txt`, content: `Crate ${i} waits on the pier. `.repeat(400) }));

test('ingestion that paused for a full disk goes on by itself once there is room', async ({ skip }) => {
  const disk = await smallDisk(400);
  if (!disk) return skip();
  // Also where nothing else is measured.
  const server = await TestServer.start(
    { METRICS_INTERVAL_SECONDS: '1', PERFORMANCE_MONITORING: 'false', DISK_MIN_FREE_BYTES: String(150 * megabyte) },
    disk.path,
  );
  const jobs = async (status: string) =>
    (await server.ask<{ jobs: { totalCount: number } }>(`{ jobs(filter: { statuses: [${status}], kinds: ["INGEST"] }, first: 1) { totalCount } }`)).jobs
      .totalCount;
  try {
    await server.upload(cargo);
    await fill(join(disk.path, 'ballast'), 260);
    await expect.poll(() => ingestion(server), { timeout: 20_000 }).toMatchObject({ status: 'DEGRADED', message: expect.stringContaining('disk') as string });
    // What has begun is brought to its end, and nothing else is begun.
    await expect.poll(() => jobs('RUNNING'), { timeout: 60_000 }).toBe(0);
    const waiting = await jobs('QUEUED');
    expect(waiting).toBeGreaterThan(0);
    await new Promise((done) => setTimeout(done, 2000));
    expect(await jobs('QUEUED')).toBe(waiting);
    await expect(server.upload([{ name: 'more.txt', content: 'One crate more.' }])).rejects.toThrow('nearly full');
    await rm(join(disk.path, 'ballast'));
    await expect.poll(() => jobs('SUCCEEDED'), { timeout: 120_000 }).toBe(cargo.length);
    await expect.poll(() => ingestion(server), { timeout: 20_000 }).toMatchObject({ status: 'HEALTHY' });
  } finally {
    await server.quit();
    disk.free();
  }
});

test('the command line without a server pauses as well, and says why', async ({ skip }) => {
  const disk = await smallDisk(400);
  if (!disk) return skip();
  try {
    const files = join(disk.path, 'files');
    await mkdir(files);
    for (const { name, content } of cargo) await writeFile(join(files, name), content);
    const command = spawn(process.execPath, [join(packageRoot, 'ops/bin/erpfts.cjs'), 'ingest', files], {
      cwd: disk.path,
      env: { ...cleanEnvironment(), DATA_DIR: join(disk.path, 'data'), METRICS_INTERVAL_SECONDS: '1', DISK_MIN_FREE_BYTES: String(150 * megabyte) },
    });
    let said = '';
    for (const stream of [command.stdout, command.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()));
    // All of them have been sent by then: a request takes more.
    await expect.poll(() => said, { timeout: 60_000 }).toMatch(/^(sent|read) /m);
    await fill(join(disk.path, 'ballast'), 260);
    await expect.poll(() => said, { timeout: 60_000 }).toContain('Ingestion pauses: the disk has');
    const ended = once(command, 'exit');
    await rm(join(disk.path, 'ballast'));
    expect([(await ended)[0], said]).toEqual([0, expect.stringContaining(`${cargo.length} taken in`)]);
  } finally {
    disk.free();
  }
});
