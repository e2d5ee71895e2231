// `npm test`: installs and builds what is missing, checks the code, runs the suites and ends with one line,
// `N passed, N failed`. Arguments go on to vitest; `--faults` runs the long fault suite instead, and
// `--week` a week of the server's life.
const { spawnSync } = require('node:child_process');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { build, install, root } = require('./prepare.cjs');

install();
build();
const faults = process.argv.includes('--faults');
const week = process.argv.includes('--week');
const args = process.argv.slice(2).filter((argument) => argument !== '--faults' && argument !== '--week');
let failed = 0;
let passed = 0;

if (args.length === 0 && !faults && !week) {
  const lint = spawnSync(process.execPath, [join(__dirname, 'lint.cjs')], { cwd: root, stdio: 'inherit' });
  if (lint.status === 0) passed += 1;
  else failed += 1;
}
const folder = mkdtempSync(join(tmpdir(), 'erpfts-report-'));
const report = join(folder, 'report.json');
const filter = faults ? ['tests/faults'] : week ? ['tests/week'] : args;
const { status } = spawnSync(
  process.execPath,
  [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filter],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      ...(week ? { REHEARSE_WEEK: '1' } : {}),
      ...(faults
        ? { FAULT_KILLS: process.env.FAULT_KILLS ?? '50', FAULT_FILES: process.env.FAULT_FILES ?? '300', FAULT_CYCLES: process.env.FAULT_CYCLES ?? '100' }
        : {}),
    },
  },
);
try {
  const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(readFileSync(report, 'utf8'));
  passed += numPassedTests;
  failed += Math.max(numFailedTests, status === 0 ? 0 : Math.max(1, numFailedTestSuites > 0 && numFailedTests === 0 ? numFailedTestSuites : 0));
} catch {
  failed += 1;
}
rmSync(folder, { recursive: true, force: true });
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
