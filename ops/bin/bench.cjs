// `npm run bench [-- name]`: quality, search or ingest.
const { spawnSync } = require('node:child_process');
const { join } = require('node:path');
const { build, install, root } = require('./prepare.cjs');

install();
build();
const names = process.argv.slice(2).map((name) => `tests/bench/${name}.bench.ts`);
const { status } = spawnSync(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', 'tests/bench/vitest.config.ts', ...names], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(status ?? 1);
