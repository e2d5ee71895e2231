import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(from: string): string {
  return existsSync(join(from, 'package.json')) ? from : findRoot(dirname(from));
}

/** The folder with package.json, whether this file runs from server/ or from dist/server/. */
export const packageRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

export const version = '0.1.0';
