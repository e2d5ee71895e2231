import { type AnswerCache } from '../platform/cache/index.js';
import { type Database } from '../platform/database/index.js';
import { type HealthCheck } from './health.service.js';

/** Whether the database and the cache answer. */
export function storeChecks(database: Database, cache: AnswerCache): HealthCheck[] {
  const answers = (ask: () => Promise<unknown>) => async () => {
    await ask();
    return { status: 'HEALTHY' as const };
  };
  return [
    { name: 'database', timeoutMs: 3000, essential: true, check: answers(() => database.read.query('SELECT 1')) },
    { name: 'cache', timeoutMs: 2000, essential: false, check: answers(() => cache.ping()) },
  ];
}
