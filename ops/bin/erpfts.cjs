#!/usr/bin/env node
// The command line. `npx erpfts --help` lists its commands.
const { build, install, widenThreadPool } = require('./prepare.cjs');

install();
build({ only: ['server'] });
widenThreadPool();
void import('../../dist/server/cli.js');
