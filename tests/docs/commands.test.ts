import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { backUp } from '../support/backups.js';
import { cleanEnvironment } from '../support/environment.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
  await mkdir(join(server.dataDir, 'docs'));
  await writeFile(join(server.dataDir, 'docs/rules.md'), '# 就業規則\n\n有給休暇は10日とする。 Paid leave is ten days.\n');
  await server.take('rules.md', '# 就業規則\n\n有給休暇は20日とする。\n');
  await backUp(server, 'FULL');
});
afterAll(() => server.stop());

const folders = ['ops/runbooks'];
const files = [
  'README.md',
  'README.ja.md',
  ...(await Promise.all(folders.map(async (folder) => (await readdir(join(packageRoot, folder))).map((name) => `${folder}/${name}`)))).flat(),
];

/** What one language's document has shown, the other's need not show again. */
const proven = new Set<string>();

/** Fenced shell commands of a document, but for those that set up or run the product as a whole. */
async function commands(file: string): Promise<string[]> {
  const text = await readFile(join(packageRoot, file), 'utf8');
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)]
    .map((match) => match[1]!.replaceAll('\\\n', ' '))
    .flatMap((block) => block.split('\n'))
    .map((line) => line.trim())
    .filter((line) => line && !/^npm (start|test)$/.test(line));
}

test.each(files)('the commands of %s do what they say', async (file) => {
  const found = await commands(file);
  expect(found.length).toBeGreaterThan(0);
  for (const command of found.filter((line) => !proven.has(line))) {
    const here = command
      .replaceAll('http://127.0.0.1:8000', server.url)
      .replaceAll('data/admin.key', join(server.dataDir, 'admin.key'))
      .replace(/^npx erpfts/, `"${process.execPath}" "${join(packageRoot, 'dist/server/cli.js')}"`);
    const { code, out } = await new Promise<{ code: number; out: string }>((resolve) => {
      execFile('sh', ['-c', here], { cwd: server.dataDir, env: { ...cleanEnvironment(), DATA_DIR: server.dataDir } }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, out: stdout + stderr }),
      );
    });
    expect({ command, code, out: code === 0 ? '' : out }).toEqual({ command, code: 0, out: '' });
    if (command.startsWith('curl')) expect(JSON.parse(out)).toMatchObject({ data: { search: { hits: [{ document: { title: '就業規則' } }] } } });
    proven.add(command);
  }
});

test('both languages have every runbook', async () => {
  const names = await readdir(join(packageRoot, 'ops/runbooks'));
  for (const name of names) expect(names).toContain(name.endsWith('.ja.md') ? name.replace('.ja.md', '.en.md') : name.replace('.en.md', '.ja.md'));
});
