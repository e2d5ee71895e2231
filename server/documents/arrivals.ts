import { randomUUID } from 'node:crypto';
import { type EntityManager, In } from 'typeorm';
import { type BlobStore, type ReceivedFile } from '../platform/blobs/index.js';
import { type Database } from '../platform/database/index.js';
import { type JobEntity, type JobInput, type JobQueue } from '../platform/queue/index.js';
import { DocumentEntity, DocumentTagEntity } from './document.entity.js';

export const ingestKind = 'INGEST';

/** What an INGEST job works on. */
export interface IngestPayload extends Record<string, unknown> {
  documentId: string;
  /** The set of chunks this job builds. */
  revision: number;
  /** Whether a web page is fetched even though an original is kept. */
  refetch: boolean;
}

type NewDocument = Pick<DocumentEntity, 'title' | 'fileName' | 'sourceType' | 'mimeType' | 'sizeBytes' | 'sha256' | 'liveKey'> & Partial<DocumentEntity>;

/** A file or a web address that may be a document already. */
export interface Arrival {
  liveKey: string;
  /** What it becomes where nothing has the key. */
  document: NewDocument;
  tags: string[];
  batchId: string | null;
  /** Bytes to keep as its original. */
  file: ReceivedFile | null;
  /** Taken in once more even where it is known. */
  always: boolean;
}

export interface AcceptedArrival {
  document: DocumentEntity;
  job: JobEntity | null;
  /** The bytes or the address were known already. */
  duplicate: boolean;
}

interface Stores {
  database: Database;
  blobs: BlobStore;
  jobs: JobQueue;
}

const mostAliases = 20;

/** Makes documents of what arrived, in the order given: of two with the same key the second is a duplicate of the first. */
export async function acceptArrivals(tx: EntityManager, { database, blobs, jobs }: Stores, arrivals: Arrival[]): Promise<AcceptedArrival[]> {
  // An original must not be dropped as its bytes arrive again. In one order everywhere, so that two transactions never wait for each other.
  const keys = arrivals.flatMap(({ liveKey, file }) => (file ? [liveKey, `blob:${file.sha256}`] : [liveKey]));
  for (const key of [...new Set(keys)].sort()) await database.lock(tx, key);
  const known = new Map(
    (await tx.findBy(DocumentEntity, { liveKey: In(arrivals.map(({ liveKey }) => liveKey)) })).map((document) => [document.liveKey, document]),
  );
  const created: DocumentEntity[] = [];
  const changed = new Set<DocumentEntity>();
  const tags: DocumentTagEntity[] = [];
  const accepted: (Omit<AcceptedArrival, 'job'> & { job: JobInput | null })[] = [];
  for (const arrival of arrivals) {
    if (arrival.file) await blobs.keep(arrival.file);
    const existing = known.get(arrival.liveKey);
    const document = existing ?? newDocument(arrival.document, arrival.batchId);
    if (!existing) {
      known.set(arrival.liveKey, document);
      created.push(document);
    } else if (!created.includes(existing)) changed.add(existing);
    noteName(document, arrival.document.fileName);
    const unfinished = existing && existing.status !== 'FAILED' && existing.status !== 'READY';
    // A page that is READY is fetched again while what it says so far goes on answering.
    const job = !existing || existing.status === 'FAILED' || (arrival.always && !unfinished) ? begin(document, arrival.batchId, arrival.always) : null;
    tags.push(...arrival.tags.map((tag) => Object.assign(new DocumentTagEntity(), { documentId: document.id, tag })));
    accepted.push({ document, job, duplicate: existing !== undefined });
  }
  if (created.length > 0) await tx.createQueryBuilder().insert().into(DocumentEntity).values(created).updateEntity(false).execute();
  for (const document of changed) await tx.save(Object.assign(document, { updatedAt: new Date() }));
  await addTags(tx, tags);
  const queued = await jobs.addAll(
    tx,
    accepted.flatMap(({ job }) => job ?? []),
  );
  return accepted.map((one) => ({ ...one, job: one.job && queued.shift()! }));
}

function noteName(document: DocumentEntity, name: string | null): void {
  if (name === null || name === document.fileName || document.aliases.includes(name)) return;
  document.aliases = [...document.aliases, name].slice(-mostAliases);
}

export async function addTags(tx: EntityManager, tags: Pick<DocumentTagEntity, 'documentId' | 'tag'>[]): Promise<void> {
  if (tags.length === 0) return;
  await tx.createQueryBuilder().insert().into(DocumentTagEntity).values(tags).orIgnore().execute();
}

/** Begins an attempt to take a document in. @returns the job that does it */
export function begin(document: DocumentEntity, batchId: string | null, refetch: boolean): JobInput {
  Object.assign(document, { status: 'QUEUED', error: null, lastRevision: document.lastRevision + 1 });
  const payload: IngestPayload = { documentId: document.id, revision: document.lastRevision, refetch };
  return { kind: ingestKind, subjectId: document.id, batchId, payload };
}

function newDocument(values: NewDocument, batchId: string | null): DocumentEntity {
  const now = new Date();
  return Object.assign(new DocumentEntity(), {
    id: randomUUID(),
    aliases: [],
    language: null,
    pageCount: null,
    status: 'QUEUED',
    error: null,
    url: null,
    author: null,
    publishedAt: null,
    createdAt: now,
    updatedAt: now,
    datedAt: now,
    deletedAt: null,
    revision: 0,
    lastRevision: 0,
    chunkCount: 0,
    extraction: null,
    titleEdited: false,
    batchId,
    ...values,
  });
}
