import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../config/index.js';

let contract: string | null = null;

/** Values of an enum of the contract. The command line is a client: loading the server to know its words would take a second. */
export function enumValues(name: string): string[] {
  contract ??= readFileSync(join(packageRoot, 'schema.graphql'), 'utf8');
  const body = new RegExp(`^enum ${name} \\{([^}]*)\\}`, 'm').exec(contract)?.[1];
  if (!body) throw new Error(`schema.graphql has no enum ${name}`);
  return body
    .replace(/"""[\s\S]*?"""/g, '')
    .trim()
    .split(/\s+/);
}
