import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot, renderEnvExample } from './config/index.js';
import { renderSchema } from './schema.js';

/** Writes the files that are printed from the code; tests fail when they drift. */
writeFileSync(join(packageRoot, 'schema.graphql'), renderSchema());
writeFileSync(join(packageRoot, '.env.example'), renderEnvExample());
