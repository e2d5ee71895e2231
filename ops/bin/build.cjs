// `npm run build`: builds server and console; with `--server` or `--console` only that, and only what is stale unless `--force`.
const { build, install } = require('./prepare.cjs');

const only = ['server', 'console'].filter((name) => process.argv.includes(`--${name}`));
install();
build({ force: process.argv.includes('--force'), ...(only.length > 0 ? { only } : {}) });
