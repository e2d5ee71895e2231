import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { cleanEnvironment } from '../support/environment.js';
import { TestServer } from '../support/server.js';
import { holdings } from '../support/stores.js';

const files = 2000;
const mostMemoryGrowth = 600 * 1024 ** 2;

test('2,000 small files in one go are all taken in, without growing memory', { timeout: 600_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'erpfts-many-'));
  const server = await TestServer.start();
  try {
    for (let index = 0; index < files; index++) {
      const part = join(folder, `shelf-${index % 20}`);
      await mkdir(part, { recursive: true });
      await writeFile(join(part, `card-${index}.txt`), `Card ${index}: spare part ${index * 7} lies in drawer ${index % 50}.`);
    }
    const memory = async () =>
      (await server.ask<{ metrics: { process: { memoryBytes: number } } }>('{ metrics { process { memoryBytes } } }')).metrics.process.memoryBytes;
    const before = await memory();
    const { stdout } = await promisify(execFile)(process.execPath, [join(packageRoot, 'dist/server/cli.js'), 'ingest', folder], {
      env: { ...cleanEnvironment(), DATA_DIR: server.dataDir },
      cwd: server.dataDir,
    });
    expect(stdout).toContain(`${files} taken in, 0 known already, 0 failed, 0 refused`);
    expect(await holdings(server)).toMatchObject({
      documents: files,
      chunks: files,
      chunk_fulltext: files,
      chunk_terms: files,
      vectors: files,
      originals: files,
      temporary: 0,
    });
    expect((await memory()) - before).toBeLessThan(mostMemoryGrowth);
  } finally {
    await server.stop();
    await rm(folder, { recursive: true });
  }
});
