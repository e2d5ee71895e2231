import { z } from 'zod';
import { backupSettings } from './backup-settings.js';
import { operationsSettings } from './operations-settings.js';
import { cores, flag, integer, isHostName, isNetwork, isOrigin, listOf, schedule, type SettingMeta, share, text, url } from './setting-types.js';

/**
 * Every setting of the product: the only place that names them. Values arrive as strings from the environment,
 * `.env` or a preset; the defaults here are those of a first run on one machine.
 */
export const settingsSchema = z.object({
  ERPFTS_ENV: z
    .enum(['default', 'development', 'staging', 'production'])
    .default('default')
    .meta({ group: 'Server', about: 'Preset from ops/env whose values apply where neither the environment nor .env sets one.' }),
  HOST: text().min(1).default('127.0.0.1').meta({ group: 'Server', about: 'Address to listen on. 127.0.0.1 answers this machine only.' }),
  PORT: integer(0, 65535)
    .default(8000)
    .meta({ group: 'Server', about: 'Port for GraphQL, WebSockets and the console; 0 takes a free one.', manual: 'FastAPI :8000' }),
  DATA_DIR: text().min(1).default('./data').meta({ group: 'Server', about: 'Folder that holds all state.' }),
  SHUTDOWN_TIMEOUT_MS: integer(0, 600_000)
    .default(10_000)
    .meta({ group: 'Server', unit: 'ms', about: 'How long a stop waits for requests and jobs in progress.' }),
  DEBUG: flag().default(false).meta({ group: 'Server', about: 'Adds stack traces to GraphQL errors. Never in production.', manual: 'DEBUG' }),
  API_RELOAD: flag().default(false).meta({ group: 'Server', about: 'Restarts the server when its built files change (development).', manual: 'API_RELOAD' }),
  ALLOWED_HOSTS: listOf('host name without protocol and port, such as kb.example.org', isHostName).default([]).meta({
    group: 'Access',
    about: 'Further host names this server answers to, e.g. kb.example.org. Loopback names, HOST and the hosts of CORS_ORIGINS are always accepted.',
  }),
  CORS_ORIGINS: listOf('origin, such as https://kb.example.org', isOrigin)
    .default([])
    .meta({ group: 'Access', about: 'Origins of other sites whose pages may call the API, as a JSON array.', manual: 'CORS_ORIGINS' }),
  ADMIN_API_KEY: text()
    .refine((value) => value === '' || value.length >= 24, 'must have at least 24 characters')
    .default('')
    .meta({ group: 'Access', secret: true, about: "Administrator's key for automation; replaces the one written to DATA_DIR/admin.key." }),
  SESSION_DAYS: integer(1, 365).default(30).meta({ group: 'Access', unit: 'days', about: 'How long a browser stays signed in.' }),
  DATABASE_URL: url('postgres:', 'postgresql:')
    .default('')
    .meta({ group: 'Database', secret: true, about: 'PostgreSQL address; empty uses SQLite in DATA_DIR.' }),
  DATABASE_POOL_SIZE: integer(1, 200).default(20).meta({ group: 'Database', about: 'PostgreSQL connections.', manual: 'DATABASE_POOL_SIZE / pool_size' }),
  SQLITE_TIMEOUT: integer(1, 600).default(30).meta({ group: 'Database', unit: 's', about: 'How long SQLite waits for a lock.', manual: 'sqlite.timeout' }),
  SQLITE_JOURNAL_MODE: z
    .enum(['WAL', 'DELETE', 'TRUNCATE'])
    .default('WAL')
    .meta({ group: 'Database', about: 'PRAGMA journal_mode.', manual: 'PRAGMA journal_mode' }),
  SQLITE_SYNCHRONOUS: z
    .enum(['OFF', 'NORMAL', 'FULL', 'EXTRA'])
    .default('NORMAL')
    .meta({ group: 'Database', about: 'PRAGMA synchronous.', manual: 'PRAGMA synchronous' }),
  SQLITE_CACHE_SIZE: integer(-4_000_000, 4_000_000)
    .default(10_000)
    .meta({ group: 'Database', unit: 'pages', about: 'PRAGMA cache_size (negative: KiB).', manual: 'PRAGMA cache_size' }),
  SQLITE_TEMP_STORE: z
    .enum(['DEFAULT', 'FILE', 'MEMORY'])
    .default('MEMORY')
    .meta({ group: 'Database', about: 'PRAGMA temp_store.', manual: 'PRAGMA temp_store' }),
  CHROMA_URL: url('http:', 'https:')
    .default('')
    .meta({ group: 'Vector index', about: 'Address of a ChromaDB server; empty starts one of our own on a free loopback port.' }),
  CHROMA_COLLECTION: text()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]{1,50}[a-zA-Z0-9]$/, 'must be 3 to 52 letters, digits, _ or -')
    .default('knowledge_chunks')
    .meta({ group: 'Vector index', about: 'Family name of the collections; generations are named <family>_g<N>.', manual: 'chromadb.collection_name' }),
  CHROMA_HNSW_M: integer(2, 128).default(16).meta({ group: 'Vector index', about: 'HNSW links per node, for new generations.', manual: 'hnsw:M' }),
  CHROMA_HNSW_CONSTRUCTION_EF: integer(8, 2000)
    .default(200)
    .meta({ group: 'Vector index', about: 'HNSW candidate list while building, for new generations.', manual: 'hnsw:construction_ef' }),
  CHROMA_HNSW_SEARCH_EF: integer(8, 2000).default(100).meta({ group: 'Vector index', about: 'HNSW candidate list while searching, for new generations.' }),
  RESIDENT_VECTORS: integer(0, 1_000_000).default(200_000).meta({
    group: 'Vector index',
    unit: 'vectors',
    about:
      'Largest index whose vectors are also kept in memory, about 1.1 kB each, and compared there instead of by ChromaDB: sooner, but in the thread that all searches share. 0 asks ChromaDB always. Set 0 where several servers share one database.',
  }),
  CHROMA_TIMEOUT_MS: integer(100, 600_000).default(10_000).meta({ group: 'Vector index', unit: 'ms', about: 'How long a call to ChromaDB may take.' }),
  EMBEDDING_MODEL: text().min(1).default('multilingual-e5-small-ja-latin').meta({
    group: 'Embedding',
    about: 'Embedded model name, path of a local model folder, or hub name such as Xenova/multilingual-e5-large.',
    manual: 'intfloat/multilingual-e5-large',
  }),
  EMBEDDING_HUB_URL: url('http:', 'https:')
    .default('https://huggingface.co/')
    .meta({ group: 'Embedding', about: 'Where a hub model is downloaded from, once, into DATA_DIR/models. Not contacted for the embedded model.' }),
  EMBEDDING_WORKERS: integer(1, 64)
    .default(Math.max(1, cores - 1))
    .meta({
      group: 'Embedding',
      about:
        'Worker threads for passages, beside the one for queries. Default: cores - 1. Each takes about 0.4 GB with the embedded model, from when there first is work for it.',
    }),
  EMBEDDING_THREADS: integer(1, 64).default(1).meta({ group: 'Embedding', about: 'ONNX Runtime threads in each worker for passages.' }),
  EMBEDDING_QUERY_THREADS: integer(1, 64).default(2).meta({
    group: 'Embedding',
    about:
      'Most ONNX Runtime threads for a query on its own. Default: 2. EMBEDDING_THREADS are taken where that is faster on this machine, as the queries themselves show.',
  }),
  EMBEDDING_WORKER_IDLE_SECONDS: integer(1, 86_400).default(300).meta({
    group: 'Embedding',
    unit: 's',
    about: 'How long a worker for passages may have nothing to do before it is ended and its memory given back; it starts again within some two seconds.',
  }),
  EMBEDDING_LOW_MEMORY: flag()
    .default(false)
    .meta({ group: 'Embedding', about: 'One worker for queries and passages together: half the memory, slower search while ingesting.' }),
  CHUNK_MAX_TOKENS: integer(32, 500).default(400).meta({
    group: 'Ingestion',
    unit: 'model tokens',
    about: 'Longest chunk, title and headings included. Another value cuts all documents anew beside those that answer.',
  }),
  CHUNK_OVERLAP: share(0, 0.5)
    .default(0.15)
    .meta({ group: 'Ingestion', unit: 'share', about: 'Share of a chunk repeated at the start of the next. Another value cuts all documents anew.' }),
  CHUNK_PIECE_TOKENS: integer(0, 500).default(120).meta({
    group: 'Ingestion',
    unit: 'model tokens',
    about: 'Size of the pieces of a chunk that get vectors of their own once no ingestion waits; 0 makes none. Another value cuts all documents anew.',
  }),
  INGEST_CONCURRENCY: integer(1, 64).default(16).meta({ group: 'Ingestion', about: 'Documents worked on at once.' }),
  UPLOAD_MAX_BYTES: integer(1024, 10 * 1024 ** 3)
    .default(200 * 1024 ** 2)
    .meta({ group: 'Ingestion', unit: 'bytes', about: 'Largest accepted file.' }),
  UPLOAD_MAX_FILES: integer(25, 1000).default(100).meta({ group: 'Ingestion', about: 'Most files in one upload request.' }),
  DISK_MIN_FREE_BYTES: integer(0, Number.MAX_SAFE_INTEGER)
    .default(512 * 1024 ** 2)
    .meta({ group: 'Ingestion', unit: 'bytes', about: 'Uploads are refused when less space than this is free.' }),
  PARSER_WORKERS: integer(1, 32).default(2).meta({ group: 'Ingestion', about: 'Processes that read documents.' }),
  PARSER_TIMEOUT_MS: integer(1000, 3_600_000)
    .default(180_000)
    .meta({ group: 'Ingestion', unit: 'ms', about: 'Longest time one document may take to be read.' }),
  PARSER_MEMORY_MB: integer(128, 16_384).default(1024).meta({ group: 'Ingestion', unit: 'MB', about: 'Heap limit of a process that reads documents.' }),
  ARCHIVE_MAX_BYTES: integer(1024 ** 2, 10 * 1024 ** 3)
    .default(512 * 1024 ** 2)
    .meta({ group: 'Ingestion', unit: 'bytes', about: 'Most that a compressed document (DOCX) may unpack to.' }),
  FETCH_TIMEOUT_MS: integer(100, 600_000)
    .default(20_000)
    .meta({ group: 'Web pages', unit: 'ms', about: 'Longest time a web page may take to arrive, redirects included.' }),
  FETCH_MAX_BYTES: integer(1024, 1024 ** 3)
    .default(20 * 1024 ** 2)
    .meta({ group: 'Web pages', unit: 'bytes', about: 'Largest web page.' }),
  FETCH_MAX_REDIRECTS: integer(0, 20).default(5).meta({ group: 'Web pages', about: 'Most redirects followed.' }),
  FETCH_ALLOWED_NETWORKS: listOf('network in CIDR notation, such as 10.1.0.0/16', isNetwork)
    .default([])
    .meta({ group: 'Web pages', about: 'Private networks whose pages may be fetched all the same, as CIDR, e.g. 10.1.0.0/16.' }),
  SEARCH_MEANING_TIMEOUT_MS: integer(100, 600_000).default(1500).meta({
    group: 'Search and cache',
    unit: 'ms',
    about: 'How long a search waits for the embedding model and the vector index before words alone answer.',
  }),
  CACHE_BACKEND: z
    .enum(['memory', 'redis'])
    .default('memory')
    .meta({ group: 'Search and cache', about: 'Where answers are cached.', manual: 'CACHE_BACKEND / cache.backend' }),
  CACHE_REDIS_URL: url('redis:', 'rediss:')
    .default('redis://127.0.0.1:6379/0')
    .meta({ group: 'Search and cache', secret: true, about: 'Redis for CACHE_BACKEND=redis.', manual: 'CACHE_REDIS_URL / cache.redis.url' }),
  CACHE_MEMORY_BYTES: integer(0, 64 * 1024 ** 3)
    .default(64 * 1024 ** 2)
    .meta({
      group: 'Search and cache',
      unit: 'bytes',
      about: 'Most the memory cache may hold; answers to searches as they were sent take up to a quarter of that besides.',
    }),
  CACHE_SEARCH_TTL: integer(0, 2_592_000)
    .default(3600)
    .meta({ group: 'Search and cache', unit: 's', about: 'How long a search answer is kept; 0 keeps none.', manual: 'CACHE_SEARCH_TTL' }),
  CACHE_EMBEDDING_TTL: integer(0, 2_592_000)
    .default(86_400)
    .meta({ group: 'Search and cache', unit: 's', about: "How long a query's vector is kept; 0 keeps none.", manual: 'CACHE_EMBEDDING_TTL' }),
  CACHE_METADATA_TTL: integer(0, 2_592_000)
    .default(1800)
    .meta({ group: 'Search and cache', unit: 's', about: 'How long figures about the library are kept; 0 keeps none.', manual: 'CACHE_METADATA_TTL' }),
  GOLDEN_SCHEDULE: schedule()
    .default('30 4 * * *')
    .meta({ group: 'Search and cache', about: 'When the golden queries are scored, as a cron expression in the time zone of TIME_ZONE; off never.' }),
  GOLDEN_ALERT_DROP: share(0.001, 1)
    .default(0.03)
    .meta({ group: 'Search and cache', unit: 'share', about: 'Fall of a golden score below the runs before that raises an alert.' }),
  INDEX_SWITCH: z.enum(['better', 'ask', 'always']).default('better').meta({
    group: 'Embedding',
    about:
      'When an index under another model, or with other chunks, begins to answer: better, by itself where it scores no worse on the golden queries or there are none; ask, on an operator’s yes; always, as soon as it is whole.',
  }),
  INDEX_KEEP_DAYS: integer(0, 365).default(7).meta({ group: 'Embedding', unit: 'days', about: 'How long the index of before is kept for switching back.' }),
  GRAPHQL_MAX_DEPTH: integer(5, 100).default(15).meta({ group: 'Search and cache', unit: 'levels', about: 'Deepest accepted GraphQL operation.' }),
  GRAPHQL_MAX_SELECTIONS: integer(500, 1_000_000)
    .default(3000)
    .meta({ group: 'Search and cache', unit: 'fields', about: 'Fields that an accepted GraphQL operation may ask for, with its fragments written out.' }),
  GRAPHQL_MAX_TOKENS: integer(100, 100_000).default(5000).meta({ group: 'Search and cache', about: 'Longest accepted GraphQL operation, in lexical tokens.' }),
  RATE_LIMITING: flag()
    .default(false)
    .meta({ group: 'Rate limits', about: 'Limits requests by the four settings below.', manual: 'RATE_LIMITING / rate_limiting.enabled' }),
  RATE_LIMIT_SEARCH: integer(1, 1e9).default(100).meta({ group: 'Rate limits', unit: 'per user per hour', about: 'Searches.', manual: 'search_limit' }),
  RATE_LIMIT_UPLOAD: integer(1, 1e9).default(10).meta({ group: 'Rate limits', unit: 'per user per hour', about: 'Upload requests.', manual: 'upload_limit' }),
  RATE_LIMIT_API: integer(1, 1e9).default(1000).meta({
    group: 'Rate limits',
    unit: 'per IP address per hour',
    about: 'Requests of readers, and of those not signed in; operators are not counted.',
    manual: 'api_limit',
  }),
  RATE_LIMIT_GLOBAL: integer(1, 1e9)
    .default(10_000)
    .meta({ group: 'Rate limits', unit: 'per hour', about: 'The same, of all together.', manual: 'global_limit' }),
  ...operationsSettings,
  ...backupSettings,
});

export type Settings = Readonly<z.output<typeof settingsSchema>>;
export type SettingName = keyof Settings;

export const settingNames = Object.keys(settingsSchema.shape) as SettingName[];

export function settingMeta(name: SettingName): SettingMeta {
  return settingsSchema.shape[name].meta() as unknown as SettingMeta;
}
