import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema, type GraphQLEnumType, isObjectType } from 'graphql';
import { describe, expect, test } from 'vitest';
import { packageRoot, settingNames } from '../../server/config/index.js';
import { settingMeta } from '../../server/config/settings.js';
import { cleanEnvironment } from '../support/environment.js';

interface Row {
  manual: string;
  fields: string[];
  tasks: string[];
  commands: string[];
  pages: string[];
  settings: string[];
}

const marked = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
const rows: Row[] = readFileSync(join(packageRoot, 'ops/manual-map.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| Manual'))
  .map((line) => {
    const [manual = '', , graphql = '', command = '', page = '', settings = ''] = line
      .split(/(?<!\\)\|/)
      .slice(1)
      .map((cell) => cell.trim());
    const named = marked(graphql);
    return {
      manual,
      fields: named.filter((name) => name.includes('.')),
      tasks: named.filter((name) => !name.includes('.')),
      commands: marked(command),
      pages: marked(page),
      settings: marked(settings),
    };
  });

const envExample = readFileSync(join(packageRoot, '.env.example'), 'utf8');
const schema = buildSchema(readFileSync(join(packageRoot, 'schema.graphql'), 'utf8'));
const tasks = (schema.getType('MaintenanceTask') as GraphQLEnumType).getValues().map(({ name }) => name);
const help = execFileSync(process.execPath, [join(packageRoot, 'ops/bin/erpfts.cjs'), '--help'], { encoding: 'utf8', env: cleanEnvironment() });
const commands = [...help.matchAll(/^ {2}([a-z-]+)\b/gm)].map((match) => match[1]!);

const textsIn = (folder: string, ending: string) =>
  readdirSync(join(packageRoot, folder), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(join(packageRoot, folder, name), 'utf8'))
    .join('\n');
const commandLine = textsIn('server/cli', '.ts');
const consoleOperations = textsIn('console/src/lib', '.graphql') + textsIn('console/src/lib/api', '.ts');
const asks = (operations: string, field: string) => new RegExp(`\\b${field}\\b`).test(operations);

describe('the map from the manual', () => {
  test.each(rows)('finds $manual here', ({ fields, tasks: named, commands: typed, pages, settings }) => {
    for (const field of fields) {
      const [type = '', name = ''] = field.split('.');
      const found = schema.getType(type);
      expect([field, isObjectType(found) && name in found.getFields()]).toEqual([field, true]);
    }
    for (const task of named) expect(tasks).toContain(task);
    for (const command of typed) expect(commands).toContain(command);
    for (const page of pages) expect([page, existsSync(join(packageRoot, 'console/src/routes', page, '+page.svelte'))]).toEqual([page, true]);
    for (const setting of settings) expect(settingNames).toContain(setting);
    expect(fields.length + typed.length).toBeGreaterThan(0);
    // What a row says of the command line and of the console is what they ask the server for.
    for (const name of fields.map((field) => field.split('.')[1]!)) {
      if (typed.length > 0) expect([name, asks(commandLine, name)]).toEqual([name, true]);
      if (pages.length > 0) expect([name, asks(consoleOperations, name)]).toEqual([name, true]);
    }
  });

  // Read off the manual, section by section: what it has an administrator do, look at or set.
  test.each([
    ...['curl /health', '/health/detailed', '/performance/system-health', '/performance/metrics', '/performance/resource-usage'],
    ...[
      '/performance/cache-status',
      '/performance/rate-limits',
      'CPU 70 / 85 %',
      'メモリ 80 / 90 %',
      'API応答時間 2 / 5 秒',
      'エラー率 1 / 5 %',
      'ディスク 85 / 95 %',
    ],
    ...['grep ERROR', 'grep WARNING', 'slow_query', 'high_memory', '--since 1h', 'backup_sqlite.sh', 'backup_chromadb.sh', 'crontab', 'API_SECRET_KEY'],
    ...['CORS', 'RateLimitExceeded', '404・500・502・503', 'IPアドレス別', 'docker-compose ps', 'ps`・`top', '再起動', 'print(settings)', 'ChromaDB接続確認'],
    ...[
      '埋め込みモデル確認',
      'rebuild-index',
      'ChromaDBリセット',
      '再ダウンロード',
      '`df`',
      'netstat',
      'cache/clear',
      'find /tmp',
      'VACUUM',
      'integrity_check',
    ],
    ...['emergency_recovery.sh', 'disaster_recovery.sh', 'curl -w', 'ab -n', 'psutil', 'iostat', 'iftop', 'cProfile', 'maxmemory-policy', 'キャッシュ設定 TTL'],
    ...['PRAGMA', 'hnsw', 'process_documents_batch', 'DATABASE_MAX_OVERFLOW', '日次 ログローテーション', '日次 一時ファイル削除', '日次 `ANALYZE`', 'hit_rate'],
    ...[
      'daily_maintenance.sh',
      'weekly_maintenance.sh',
      'monthly_maintenance.sh',
      '週次 データベース最適化',
      '週次 `optimize-index`',
      '週次 パフォーマンス統計レポート',
    ],
    ...[
      '週次 ディスク使用量チェック',
      'backup_complete.sh',
      '月次 セキュリティアップデート確認',
      '月次 ログ分析レポート',
      '月次 容量計画分析',
      'alembic upgrade',
      'alembic downgrade',
    ],
    ...[
      'アップデート前のバックアップ',
      'maintenance/enable',
      'maintenance/disable',
      'アップデート後のヘルスチェック',
      'データベース設定',
      'max_connections',
      'socket_keepalive',
    ],
    ...['レート制限', 'monitoring', 'algorithm', 'expire_minutes', 'default_limit', 'burst_limit', 'RotatingFileHandler', 'ログ設定', '環境別設定', 'init-db'],
    ...['verify-data', 'データ修復', '始業時チェック', '週次チェック', '月次チェック', '設定変更前後', 'バックアップ状況確認'],
  ])('has a row for %s', (item) => {
    expect(rows.filter(({ manual }) => manual.replaceAll('\\|', '|').includes(item))).not.toEqual([]);
  });

  // The manual's values are the defaults, where it gives one for every installation.
  test.each(
    Object.entries({
      PORT: '8000',
      ALERT_CPU_WARNING: '0.7',
      ALERT_CPU_CRITICAL: '0.85',
      ALERT_MEMORY_WARNING: '0.8',
      ALERT_MEMORY_CRITICAL: '0.9',
      ALERT_RESPONSE_WARNING: '2',
      ALERT_RESPONSE_CRITICAL: '5',
      ALERT_ERROR_WARNING: '0.01',
      ALERT_ERROR_CRITICAL: '0.05',
      ALERT_DISK_WARNING: '0.85',
      ALERT_DISK_CRITICAL: '0.95',
      BACKUP_DATABASE_SCHEDULE: '0 2 * * *',
      BACKUP_VECTORS_SCHEDULE: '0 3 * * *',
      BACKUP_CONFIG_SCHEDULE: '0 1 * * 0',
      BACKUP_DATABASE_DAYS: '30',
      BACKUP_VECTORS_DAYS: '14',
      DATABASE_POOL_SIZE: '20',
      SQLITE_TIMEOUT: '30',
      SQLITE_JOURNAL_MODE: 'WAL',
      SQLITE_SYNCHRONOUS: 'NORMAL',
      SQLITE_CACHE_SIZE: '10000',
      SQLITE_TEMP_STORE: 'MEMORY',
      CHROMA_COLLECTION: 'knowledge_chunks',
      CHROMA_HNSW_M: '16',
      CHROMA_HNSW_CONSTRUCTION_EF: '200',
      CACHE_SEARCH_TTL: '3600',
      CACHE_EMBEDDING_TTL: '86400',
      CACHE_METADATA_TTL: '1800',
      RATE_LIMIT_SEARCH: '100',
      RATE_LIMIT_UPLOAD: '10',
      RATE_LIMIT_API: '1000',
      RATE_LIMIT_GLOBAL: '10000',
      METRICS_RETENTION_DAYS: '30',
      SLOW_QUERY_THRESHOLD: '2',
      LOG_FILE_MAX_BYTES: '10485760',
      LOG_FILE_COUNT: '5',
      LOG_KEEP_DAYS: '7',
      TEMPORARY_FILE_HOURS: '24',
    }),
  )('keeps the value of the manual for %s: %s', (name, value) => {
    expect(envExample).toContain(`\n#${name}=${value}\n`);
  });

  test('names every maintenance task, and every setting that the manual has', () => {
    const mapped = new Set(rows.flatMap((row) => [...row.tasks, ...row.settings]));
    expect(tasks.filter((task) => task !== 'CLEAR_CACHE' && task !== 'REBUILD_FULLTEXT' && !mapped.has(task))).toEqual([]);
    expect(settingNames.filter((name) => settingMeta(name).manual !== undefined && !mapped.has(name))).toEqual([]);
  });
});
