import { join } from 'node:path';

/** Where the command line finds the server that runs on a data directory. */
export function addressFile(dataDir: string): string {
  return join(dataDir, 'server.json');
}
