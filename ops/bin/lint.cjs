// `npm run lint`: types of server, tests and console, and the house's rules.
const { spawnSync } = require('node:child_process');
const { join } = require('node:path');
const { build, install, root } = require('./prepare.cjs');

install();
build();
const checks = [
  ['types of the server', ['typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit', '--incremental', 'false'], root],
  ['types of the tests', ['typescript/bin/tsc', '-p', 'tests/tsconfig.json'], root],
  [
    'types of the console',
    ['svelte-check/bin/svelte-check', '--tsconfig', './tsconfig.json', '--output', 'human', '--fail-on-warnings'],
    join(root, 'console'),
  ],
  ['rules', ['eslint/bin/eslint.js', '.'], root],
  ['format', ['prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'], root],
];
let failed = 0;
for (const [name, [tool, ...args], cwd] of checks) {
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', tool), ...args], { cwd, stdio: 'inherit' });
  process.stdout.write(`${status === 0 ? 'ok' : 'FAILED'}: ${name}\n`);
  if (status !== 0) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);
