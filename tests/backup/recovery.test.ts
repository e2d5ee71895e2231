import { type ChildProcess, execFile } from 'node:child_process';
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { backUp, erpfts } from '../support/backups.js';
import { cleanEnvironment } from '../support/environment.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
let id: string;
const bare: string[] = [];
beforeAll(async () => {
  server = await TestServer.start();
  await server.take('ferry.txt', 'The ferry leaves the northern pier at half past six.');
  await server.idle();
  ({ id } = (await backUp(server, 'FULL')) as { id: string });
});
afterAll(async () => {
  for (const dataDir of [server.dataDir, ...bare]) await stop(dataDir);
  await server.stop();
  for (const dataDir of bare) await rm(dataDir, { recursive: true, force: true });
});

/** A recovery script on a data directory, with the server as an ordinary process. */
function recover(script: string, dataDir: string, args: string[] = [], env: Record<string, string> = {}): Promise<{ code: number; out: string }> {
  const serve = `node '${join(packageRoot, 'dist/server/cli.js')}' serve > '${join(dataDir, 'out.log')}' 2>&1 & echo $! > '${join(dataDir, 'server.pid')}'`;
  return new Promise((resolve) => {
    const child: ChildProcess = execFile(
      join(packageRoot, 'ops/recovery', script),
      args,
      {
        cwd: dataDir,
        env: {
          ...cleanEnvironment(),
          ...{
            DATA_DIR: dataDir,
            PORT: '0',
            ERPFTS_START: serve,
            ERPFTS_STOP: `kill $(cat '${join(dataDir, 'server.pid')}' 2>/dev/null) 2>/dev/null; sleep 1; true`,
          },
          ...env,
        },
      },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, out: stdout + stderr }),
    );
    child.stdin?.end();
  });
}

async function stop(dataDir: string): Promise<void> {
  const pid = Number(await readFile(join(dataDir, 'server.pid'), 'utf8').catch(() => ''));
  if (!pid) return;
  try {
    process.kill(pid);
  } catch {
    return;
  }
  for (let i = 0; i < 100; i++) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('a database that is whole is left alone; a damaged one is exchanged for the newest backup and kept aside', async () => {
  const { dataDir } = server;
  await server.quit();
  expect(await erpfts(dataDir, ['check-database'])).toMatchObject({ code: 0, out: 'the database is whole\n' });
  const whole = await recover('damaged-database.sh', dataDir);
  expect(whole).toMatchObject({ code: 0, out: expect.stringContaining('nothing is restored') as string });
  expect(await readdir(dataDir)).not.toContain('set-aside');
  await stop(dataDir);
  const database = await open(join(dataDir, 'erpfts.sqlite'), 'r+');
  const { size } = await database.stat();
  for (let at = 4096; at < size; at += 8192) await database.write(Buffer.alloc(4096, 0x5a), 0, 4096, at);
  await database.close();
  expect(await erpfts(dataDir, ['check-database'])).toMatchObject({ code: 1 });
  const repaired = await recover('damaged-database.sh', dataDir);
  expect(repaired.out).toContain(`${id} is restored`);
  expect(repaired).toMatchObject({ code: 0, out: expect.stringContaining('compare all stores') as string });
  expect(await readdir(join(dataDir, 'set-aside'))).toHaveLength(1);
  expect((await erpfts(dataDir, ['search', 'ferry'])).out).toContain('1 documents');
  await stop(dataDir);
});

test('under systemd the settings of the service hold, and what fails leaves the server running', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'erpfts-unit-'));
  bare.push(dataDir);
  const log = join(dataDir, 'systemctl.log');
  await mkdir(join(dataDir, 'bin'));
  await writeFile(join(dataDir, 'bin', 'systemctl'), `#!/bin/sh\necho "$@" >> '${log}'\n`, { mode: 0o755 });
  // As systemd reads it, which is not as a shell does: unquoted spaces and stars.
  const lines = ['# settings', `DATA_DIR="${dataDir}"`, 'BACKUP_DATABASE_SCHEDULE=0 2 * * *', `BACKUP_DIR='${join(dataDir, 'saved')}'`, ''];
  await writeFile(join(dataDir, 'erpfts.env'), lines.join('\n'));
  const environment: Record<string, string | undefined> = { ...cleanEnvironment(), ERPFTS_ENV_FILE: join(dataDir, 'erpfts.env') };
  environment['PATH'] = `${join(dataDir, 'bin')}:${process.env['PATH']}`;
  const failed = await new Promise<{ code: number; out: string }>((resolve) => {
    execFile(join(packageRoot, 'ops/recovery/damaged-database.sh'), { cwd: tmpdir(), env: environment }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, out: stdout + stderr }),
    );
  });
  // There is neither a database nor a backup where the service has them.
  expect(failed).toMatchObject({ code: 1, out: expect.stringContaining(`There is no good backup in ${join(dataDir, 'saved')}`) as string });
  expect(failed.out).toContain('start the server again');
  expect((await readFile(log, 'utf8')).trim().split('\n')).toEqual(['cat erpfts.service', 'stop erpfts', 'start erpfts']);
});

test('a machine that has nothing but the program and an archive serves again', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'erpfts-bare-'));
  bare.push(dataDir);
  const recovered = await recover('lost-machine.sh', dataDir, ['latest'], { BACKUP_DIR: join(server.dataDir, 'backups') });
  expect(recovered).toMatchObject({ code: 0, out: expect.stringContaining(`${id} is restored`) as string });
  expect((await erpfts(dataDir, ['search', 'ferry'])).out).toContain('1 documents');
});
