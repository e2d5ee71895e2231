// `npm run lint`: types of server, tests and console, and the house's rules.
const { spawn } = require('node:child_process');
const { join } = require('node:path');
const { build, install, root } = require('./prepare.cjs');

install();
build();
const checks = [
  // The longest first.
  ['rules', ['eslint/bin/eslint.js', '.'], root],
  ['types of the server', ['typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit', '--incremental', 'false'], root],
  ['types of the tests', ['typescript/bin/tsc', '-p', 'tests/tsconfig.json'], root],
  [
    'types of the console',
    ['svelte-check/bin/svelte-check', '--tsconfig', './tsconfig.json', '--output', 'human', '--fail-on-warnings'],
    join(root, 'console'),
  ],
  ['format', ['prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'], root],
];
/** Runs one check and answers with what it printed, so that checks at the same time do not mix. */
const run = ([name, [tool, ...args], cwd]) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'node_modules', tool), ...args], {
      cwd,
      env: { FORCE_COLOR: process.stdout.isTTY ? '1' : '0', ...process.env },
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data));
    child.on('close', (status) => resolve({ name, said, status }));
  });

/** Two at a time: each takes a core and up to 2 GB. */
async function lint() {
  const waiting = [...checks];
  let failed = 0;
  const lane = async () => {
    for (let check = waiting.shift(); check; check = waiting.shift()) {
      const { name, said, status } = await run(check);
      process.stdout.write(`${said}${status === 0 ? 'ok' : 'FAILED'}: ${name}\n`);
      if (status !== 0) failed += 1;
    }
  };
  await Promise.all([lane(), lane()]);
  process.exit(failed === 0 ? 0 : 1);
}
void lint();
