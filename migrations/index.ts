import { Initial1790000000000 } from './1790000000000-initial.js';

/** All migrations, oldest first. */
export const migrations = [Initial1790000000000];
