// `npm run dev`: compiles on every change, restarts the server (API_RELOAD of the development preset), and serves the console with hot reload on port 5173.
const { spawn } = require('node:child_process');
const { join } = require('node:path');
const { build, install, root, widenThreadPool } = require('./prepare.cjs');

install();
build();
widenThreadPool();
const env = { ...process.env, ERPFTS_ENV: process.env.ERPFTS_ENV ?? 'development' };
const start = (args, cwd = root) => spawn(process.execPath, args, { cwd, env, stdio: 'inherit' });
const children = [
  start([join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json', '--watch', '--preserveWatchOutput']),
  start(['dist/server/cli.js', 'serve']),
  start([join(root, 'node_modules/vite/bin/vite.js')], join(root, 'console')),
];
for (const child of children) child.on('exit', (code) => process.exit(code ?? 0));
process.on('exit', () => children.forEach((child) => child.kill()));
