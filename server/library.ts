import { type RateLimits } from './access/index.js';
import { type Settings } from './config/index.js';
import { Catalogue, Chunkings, DocumentsResolver, DocumentsService, DocumentStore, ingestKind } from './documents/index.js';
import { GoldenImportResolver, GoldenResolver, GoldenRunResolver, GoldenService } from './golden/index.js';
import { type HealthCheck } from './health/index.js';
import {
  type Embedders,
  Generations,
  indexChecks,
  IndexMirror,
  IndexRebuild,
  IndexRepair,
  IndexResolver,
  KnowledgeIndex,
  KnownVectors,
  Reembedding,
  Refinement,
} from './indexing/index.js';
import {
  ChunkStore,
  DocumentJobResolver,
  FullTextRebuild,
  Ingestion,
  IngestionResolver,
  type IngestionTopics,
  JobDocumentResolver,
  type ReaderPool,
  Rechunking,
  Removal,
  Reprocessing,
  reprocessKind,
  Uploads,
} from './ingestion/index.js';
import { type BlobStore } from './platform/blobs/index.js';
import { type AnswerCache } from './platform/cache/index.js';
import { type Database } from './platform/database/index.js';
import { FullTextIndex } from './platform/full-text/index.js';
import { type Logging } from './platform/logging/index.js';
import { Lull } from './platform/lull.js';
import { PubSub } from './platform/pubsub/index.js';
import { type JobQueue } from './platform/queue/index.js';
import { type ChromaIndex } from './platform/vector-index/index.js';
import { KeptAnswers, SearchMeter, SearchResolver, SearchService } from './search/index.js';
import { WebFetcher } from './sources/index.js';
import { type Teardown } from './teardown.js';

export interface LibraryParts {
  settings: Settings;
  logging: Logging;
  database: Database;
  blobs: BlobStore;
  cache: AnswerCache;
  embedders: Embedders;
  vectors: ChromaIndex;
  readers: ReaderPool;
  jobs: JobQueue;
}

export interface Library {
  catalogue: Catalogue;
  documents: DocumentsService;
  store: DocumentStore;
  removal: Removal;
  fullText: FullTextIndex;
  fullTextRebuild: FullTextRebuild;
  index: KnowledgeIndex;
  indexRebuild: IndexRebuild;
  knownVectors: KnownVectors;
  mirror: IndexMirror;
  search: SearchService;
  searches: SearchMeter;
  answers: KeptAnswers;
  golden: GoldenService;
  ingestionEvents: PubSub<IngestionTopics>;
  checks: HealthCheck[];
  /** Resolved once the model is loaded, or is known to be missing. */
  modelLoaded: Promise<void>;
  resolvers: (limits: RateLimits) => object[];
  /** What is done once the server answers: memory filled, what was cut off cleared away, the index brought to what is configured. */
  settle: (signal: AbortSignal) => Promise<void>;
  /** Sees to it that the index becomes what the settings ask for. */
  followSettings: () => Promise<void>;
  stop: () => Promise<void>;
}

/** Builds what takes documents in, keeps them and finds them. */
export async function buildLibrary(parts: LibraryParts, teardown: Teardown): Promise<Library> {
  const { settings, logging, database, blobs, cache, embedders, vectors, readers, jobs } = parts;
  const log = logging.feature('index');
  const ingestionEvents = new PubSub<IngestionTopics>();
  const catalogue = new Catalogue(database);
  const fullText = new FullTextIndex(database);
  const lull = new Lull();
  const index = new KnowledgeIndex(settings, database, vectors, embedders, log, lull);
  const knownVectors = new KnownVectors(database);
  await Promise.all([index.open(), catalogue.open(), knownVectors.open()]);
  const modelLoaded = index.loadEmbedder();
  teardown.add(() => index.close());
  const mirror = new IndexMirror(database, index, log);
  const repair = new IndexRepair(index, mirror, log);
  const chunkings = new Chunkings(database);
  const generations = new Generations({ settings, database, index, chunkings, jobs });

  const documents = new DocumentsService(database, catalogue, cache);
  const store = new DocumentStore(database, blobs, jobs, catalogue);
  const chunks = new ChunkStore(database, fullText);
  const removal = new Removal({ database, blobs, catalogue, index, chunks, jobs, log: logging.feature('ingestion') });
  const rechunking = new Rechunking({ database, chunkings, chunks, readers, removal, jobs });
  const fetcher = new WebFetcher(settings);
  const uploads = new Uploads(settings, blobs, store);
  const refinement = new Refinement(database, index, jobs);
  jobs.register(reprocessKind, new Reprocessing(store));
  jobs.register(
    ingestKind,
    new Ingestion({
      ...{ settings, database, blobs, catalogue, index, knownVectors, chunks, readers, fetcher, removal, refinement },
      pubsub: ingestionEvents,
      log: logging.feature('ingestion'),
    }),
  );

  const searches = new SearchMeter();
  const search = new SearchService({ settings, database, blobs, catalogue, index, fullText, cache, meter: searches, lull, log: logging.feature('search') });
  const answers = new KeptAnswers(search, settings.CACHE_MEMORY_BYTES / 4);
  const golden = new GoldenService({ settings, database, index, search, jobs });
  const reembedding = new Reembedding({
    ...{ settings, database, catalogue, index, embedders, generations, chunkings, mirror, jobs, log },
    recut: (chunking, tokenizerFolder, context) => rechunking.cut(chunking, tokenizerFolder, context),
    compare: (candidate, signal) => golden.compare(candidate, signal),
  });

  async function settle(signal: AbortSignal): Promise<void> {
    // First what a search cannot do without: until the vectors are read, ChromaDB compares them.
    await search.warm(signal);
    await index.warm(signal);
    await refinement.wake();
    await removal.sweepOriginals();
    repair.start();
    await vectors.whenAvailable(signal);
    await index.exclusively(() => generations.discardExpired(), signal);
    await generations.clearForgotten();
  }

  return {
    ...{ catalogue, documents, store, removal, fullText, index, knownVectors, mirror, search, searches, answers, golden, ingestionEvents, modelLoaded, settle },
    fullTextRebuild: new FullTextRebuild(database, fullText),
    indexRebuild: new IndexRebuild({ database, index, generations, mirror }),
    checks: [...indexChecks(index, repair, generations, () => reembedding.isUnderWay()), golden.healthCheck()],
    resolvers: (limits) => [
      new DocumentsResolver(documents, store),
      new IngestionResolver({ uploads, store, removal, fetcher, jobs, limits }),
      new DocumentJobResolver(jobs),
      new JobDocumentResolver(),
      new SearchResolver(search, limits, answers),
      new GoldenResolver(golden),
      new GoldenImportResolver(),
      new GoldenRunResolver(),
      new IndexResolver(generations, chunkings, reembedding),
    ],
    followSettings: () => reembedding.followSettings(),
    stop: () => repair.stop(),
  };
}
