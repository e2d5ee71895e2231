import { type AnswerCache } from '../platform/cache/index.js';
import { type Database } from '../platform/database/index.js';
import { messageOf } from '../platform/errors.js';
import { type Saying } from '../platform/saying.js';
import { type CheckResult, type HealthCheck } from './health.service.js';

const databaseRemedy = {
  sqlite: {
    en: 'Look at the free space and at the disk of DATA_DIR. Where the file is damaged, follow the runbook on recovery.',
    ja: 'DATA_DIR のディスクと空き容量を確認してください。ファイルが壊れている場合は復旧の手順書に従ってください。',
  },
  postgres: {
    en: 'Look whether PostgreSQL runs and is reached at DATABASE_URL. What is asked for meanwhile fails; nothing is lost.',
    ja: 'PostgreSQL が動いていて DATABASE_URL で接続できるか確認してください。その間の要求は失敗しますが、データは失われません。',
  },
};
const cacheRemedy = {
  en: 'Answers are computed each time meanwhile. Look at the Redis at CACHE_REDIS_URL.',
  ja: 'それまで答えは毎回計算します。CACHE_REDIS_URL の Redis を確認してください。',
};

/** Whether the database and the cache answer. */
export function storeChecks(database: Database, cache: AnswerCache): HealthCheck[] {
  const answers = (ask: () => Promise<unknown>, what: { en: string; ja: string }, remedy: Saying) => (): Promise<CheckResult> =>
    ask().then(
      () => ({ status: 'HEALTHY' }),
      (error: unknown) => ({
        status: 'UNHEALTHY',
        message: { en: `${what.en} does not answer: ${messageOf(error)}`, ja: `${what.ja}が応答しません（${messageOf(error)}）` },
        remedy,
      }),
    );
  const asked = answers(() => database.read.query('SELECT 1'), { en: 'The database', ja: 'データベース' }, databaseRemedy[database.dialect]);
  return [
    { name: 'database', timeoutMs: 3000, essential: true, check: asked },
    { name: 'cache', timeoutMs: 2000, essential: false, check: answers(() => cache.ping(), { en: 'The cache', ja: 'キャッシュ' }, cacheRemedy) },
  ];
}
