import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { type Settings } from '../../config/index.js';
import { type Database } from '../database/index.js';
import { type Logger } from '../logging/index.js';
import { DatabaseTurns } from './database-turns.js';
import { type Turns } from './turns.js';

/** Turns by BullMQ where `REDIS_URL` names a Redis, by the database alone otherwise. */
export async function openTurns(settings: Pick<Settings, 'REDIS_URL' | 'DATA_DIR'>, database: Database, log: Logger): Promise<Turns> {
  if (!settings.REDIS_URL) return new DatabaseTurns(database, log);
  // Whose jobs these are: two installations may share a Redis, and a copy of the data on another machine is another one.
  const owner = createHash('sha256')
    .update(`${hostname()}\0${resolve(settings.DATA_DIR)}`)
    .digest('hex')
    .slice(0, 16);
  // Most starts need no BullMQ.
  const { RedisTurns } = await import('./redis-turns.js');
  return new RedisTurns(settings.REDIS_URL, `erpfts:jobs:${owner}`, database, log);
}
