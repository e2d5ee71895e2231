// `npm start`: installs and builds what is missing, then migrates and serves.
const { build, install, widenThreadPool } = require('./prepare.cjs');

install();
build();
widenThreadPool();
process.argv.splice(2, 0, 'serve');
void import('../../dist/server/cli.js');
