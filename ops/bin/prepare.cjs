// Brings a checkout to where it can run: dependencies and build. Without dependencies itself, because it runs before
// there are any, and in CommonJS, so that UV_THREADPOOL_SIZE can still be set before libuv makes its threads.
const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..', '..');
const isWindows = process.platform === 'win32';

function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', process.stderr, process.stderr], shell: isWindows, ...options });
  if (error) throw error;
  if (status !== 0) {
    process.stderr.write(`\n${command} ${args.join(' ')} failed${signal ? ` (${signal})` : ''}.\n`);
    process.exit(1);
  }
}

/** A tool of this package's own, without asking npm. */
function tool(name, args, options) {
  run(process.execPath, [join(root, 'node_modules', ...name.split('/')), ...args], options);
}

function modifiedAt(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function newest(path, skip) {
  if (skip.some((name) => path.endsWith(name))) return 0;
  const entry = statSync(path, { throwIfNoEntry: false });
  if (!entry) return 0;
  if (!entry.isDirectory()) return entry.mtimeMs;
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name), skip)), entry.mtimeMs);
}

/** Installs what the lock file names where node_modules is missing or older than it. */
function install() {
  const installed = modifiedAt(join(root, 'node_modules', '.package-lock.json'));
  if (installed > 0 && installed >= modifiedAt(join(root, 'package-lock.json'))) return;
  process.stderr.write('Installing dependencies. Where no prebuilt SQLite can be fetched, it is compiled: about 3 minutes.\n');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

const parts = {
  server: {
    sources: ['server', 'migrations', 'tsconfig.json', 'package-lock.json'],
    skip: ['.onnx', 'tokenizer.json'],
    stamp: join(root, 'dist', '.built'),
    make: () => {
      tool('typescript/bin/tsc', ['-p', 'tsconfig.json']);
      run(process.execPath, [join(__dirname, 'build-wasm.cjs')]);
    },
  },
  console: {
    sources: ['console', 'schema.graphql', 'package-lock.json'],
    skip: ['console/build', 'console/.svelte-kit', 'src/lib/gql', 'src/lib/paraglide', 'cache'],
    stamp: join(root, 'console', 'build', '.built'),
    make: () => {
      tool('@graphql-codegen/cli/cjs/bin.js', ['--config', 'console/codegen.ts', '--silent']);
      tool('vite/bin/vite.js', ['build', '--logLevel', 'error'], { cwd: join(root, 'console') });
    },
  },
};

/** Builds what is older than its sources. */
function build({ force = false, only = Object.keys(parts) } = {}) {
  for (const name of only) {
    const { sources, skip, stamp, make } = parts[name];
    const latest = Math.max(...sources.map((source) => newest(join(root, source), skip)));
    if (!force && modifiedAt(stamp) >= latest) continue;
    process.stderr.write(`Building the ${name}.\n`);
    make();
    mkdirSync(join(stamp, '..'), { recursive: true });
    writeFileSync(stamp, '');
  }
}

/** SQLite's three connections, DNS and file reads share libuv's threads: the default of four would make them wait for each other. */
function widenThreadPool() {
  process.env.UV_THREADPOOL_SIZE ??= '12';
}

module.exports = { build, install, root, tool, widenThreadPool };
