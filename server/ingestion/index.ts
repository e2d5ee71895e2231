export { ChunkStore } from './chunk-store.js';
export { DocumentJobResolver } from './document-job.resolver.js';
export { type IngestionProgress, type IngestionTopics } from './ingestion-events.js';
export { IngestionResolver, reprocessKind } from './ingestion.resolver.js';
export { Ingestion } from './ingestion.service.js';
export { ReaderPool } from './reader-pool.js';
export { clearRevisionKind, Removal } from './removal.js';
export { Reprocessing } from './reprocess.js';
export { Uploads } from './uploads.js';
