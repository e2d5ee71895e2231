import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../server/config/index.js';

/** Suites start the built program: without it none of them can run. */
export default function setup(): void {
  if (!existsSync(join(packageRoot, 'dist/server/cli.js'))) throw new Error('The server is not built. Run "npm test", or "npm run build" first.');
}
