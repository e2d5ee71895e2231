// Compiles the server's WebAssembly text into dist.
const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { dirname, join } = require('node:path');

const root = join(__dirname, '..', '..');
const files = ['server/platform/vector-index/dot-products', 'server/platform/vector-index/sketch-scores'];

void require('wabt')().then((wabt) => {
  for (const file of files) {
    const parsed = wabt.parseWat(`${file}.wat`, readFileSync(join(root, `${file}.wat`), 'utf8'));
    parsed.validate();
    const to = join(root, 'dist', `${file}.wasm`);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, parsed.toBinary({}).buffer);
  }
});
