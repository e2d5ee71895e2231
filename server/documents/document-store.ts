import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { type EntityManager, In, IsNull } from 'typeorm';
import { type BlobStore, type ReceivedFile } from '../platform/blobs/index.js';
import { type Database } from '../platform/database/index.js';
import { badInput, notFound } from '../platform/errors.js';
import { type JobEntity, type JobInput, type JobQueue } from '../platform/queue/index.js';
import { type Catalogue, type DocumentWithTags, withTags } from './catalogue.js';
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

export interface AcceptedDocument {
  document: DocumentWithTags;
  job: JobEntity | null;
  /** The bytes or the address were known already. */
  duplicate: boolean;
}

interface Origin {
  tags: string[];
  batchId: string | null;
}

const longestTag = 100;
const mostTags = 50;

/** NFC, without folders: a name from another machine must never be a path here. */
export function cleanFileName(name: string): string {
  const last = basename(name.normalize('NFC').replaceAll('\\', '/'));
  // eslint-disable-next-line no-control-regex -- control characters are what is removed
  return last.replace(/[\u0000-\u001f\u007f]/g, '').slice(0, 255) || 'untitled';
}

export function cleanTags(tags: string[] | null | undefined): string[] {
  const cleaned = [...new Set((tags ?? []).map((tag) => tag.normalize('NFKC').trim()).filter(Boolean))];
  const long = cleaned.find((tag) => tag.length > longestTag);
  if (long !== undefined) throw badInput(`The tag "${long.slice(0, 40)}…" is longer than ${longestTag} characters.`, 'Shorten it.');
  if (cleaned.length > mostTags) throw badInput(`A document can have ${mostTags} tags, not ${cleaned.length}.`, 'Leave some out.');
  return cleaned;
}

function titleFromName(name: string): string {
  return name.replace(/\.[^.]{1,8}$/, '') || name;
}

/** Documents as rows: accepting them, changing them, marking them for deletion. */
export class DocumentStore {
  constructor(
    private readonly database: Database,
    private readonly blobs: BlobStore,
    private readonly jobs: JobQueue,
    private readonly catalogue: Catalogue,
  ) {}

  /** Keeps a received file as a document; the same bytes again answer with the document that has them. */
  async acceptFile(file: ReceivedFile, { fileName, mimeType, ...origin }: Origin & { fileName: string; mimeType: string }): Promise<AcceptedDocument> {
    const name = cleanFileName(fileName);
    return this.#accept(`sha256:${file.sha256}`, origin, async (tx, existing) => {
      await this.database.lock(tx, `blob:${file.sha256}`);
      await this.blobs.keep(file);
      if (!existing) {
        return newDocument({
          title: titleFromName(name),
          fileName: name,
          sourceType: 'FILE',
          mimeType,
          sizeBytes: file.sizeBytes,
          sha256: file.sha256,
          liveKey: `sha256:${file.sha256}`,
          batchId: origin.batchId,
        });
      }
      if (existing.fileName !== name && !existing.aliases.includes(name)) existing.aliases = [...existing.aliases, name].slice(-20);
      return existing;
    });
  }

  /** Makes the document of a web address, which is fetched as the first step of reading it. */
  async acceptUrl(url: string, origin: Origin): Promise<AcceptedDocument> {
    return this.#accept(
      `url:${url}`,
      origin,
      (_tx, existing) =>
        Promise.resolve(
          existing ??
            newDocument({
              title: url,
              fileName: null,
              sourceType: 'WEB',
              mimeType: 'text/html',
              sizeBytes: 0,
              sha256: null,
              url,
              liveKey: `url:${url}`,
              batchId: origin.batchId,
            }),
        ),
      { always: true },
    );
  }

  async #accept(
    liveKey: string,
    origin: Origin,
    make: (tx: EntityManager, existing: DocumentEntity | null) => Promise<DocumentEntity>,
    { always = false } = {},
  ): Promise<AcceptedDocument> {
    const tags = cleanTags(origin.tags);
    const outcome = await this.database.write(async (tx) => {
      await this.database.lock(tx, liveKey);
      const existing = await tx.findOneBy(DocumentEntity, { liveKey });
      const document = await make(tx, existing);
      const unfinished = existing && existing.status !== 'FAILED' && existing.status !== 'READY';
      // A page that is READY is fetched again while what it says so far goes on answering.
      const job = !existing || existing.status === 'FAILED' || (always && !unfinished) ? begin(document, origin.batchId, always) : null;
      if (existing) await tx.save(Object.assign(document, { updatedAt: new Date() }));
      else await tx.createQueryBuilder().insert().into(DocumentEntity).values(document).updateEntity(false).execute();
      await addTags(tx, document.id, tags);
      return { document, job: job && (await this.jobs.add(tx, job)), duplicate: existing !== null };
    });
    const { document, job, duplicate } = outcome;
    this.catalogue.changed(document.id);
    if (job) this.jobs.announce(job);
    if (!duplicate) return { document: Object.assign(document, { tags: tags.sort() }), job, duplicate };
    const [known] = await withTags(this.database, [document.id]);
    if (!known) throw notFound('document', document.id);
    return { document: known, job, duplicate };
  }

  async update(id: string, change: { title?: string | null; tags?: string[] | null }): Promise<{ document: DocumentWithTags; job: JobEntity | null }> {
    const title = change.title?.normalize('NFKC').trim();
    if (title === '') throw badInput('A title cannot be empty.', 'Leave the title out to keep it.');
    if (title && title.length > 1000) throw badInput('A title can have 1,000 characters.', 'Shorten it.');
    const tags = change.tags ? cleanTags(change.tags) : null;
    const job = await this.database.write(async (tx) => {
      const document = await tx.findOneBy(DocumentEntity, { id, deletedAt: IsNull() });
      if (!document) throw notFound('document', id);
      if (tags) {
        await tx.delete(DocumentTagEntity, { documentId: id });
        await addTags(tx, id, tags);
      }
      const retitled = title !== undefined && title !== document.title;
      if (retitled) Object.assign(document, { title, titleEdited: true });
      // The title is part of what is embedded and found: a new one means new vectors, made while the old ones answer.
      const again = retitled && document.status === 'READY' ? await this.#queueAgain(tx, document) : null;
      await tx.save(Object.assign(document, { updatedAt: new Date() }));
      return again;
    });
    this.catalogue.changed(id);
    if (job) this.jobs.announce(job);
    const [document] = await withTags(this.database, [id]);
    if (!document) throw notFound('document', id);
    return { document, job };
  }

  #queueAgain(tx: EntityManager, document: DocumentEntity): Promise<JobEntity> {
    return this.jobs.add(tx, begin(document, document.batchId, false));
  }

  /** Queues documents to be read again from their originals; old chunks answer until the new ones are whole. */
  async queueAgain(ids: string[]): Promise<JobEntity[]> {
    const jobs = await this.database.write(async (tx) => {
      const documents = await tx.findBy(DocumentEntity, { id: In(ids), deletedAt: IsNull() });
      const queued: JobEntity[] = [];
      for (const document of documents.filter(({ status }) => status === 'READY' || status === 'FAILED')) {
        queued.push(await this.#queueAgain(tx, document));
        await tx.save(Object.assign(document, { updatedAt: new Date() }));
      }
      return queued;
    });
    this.catalogue.changed(...ids);
    for (const job of jobs) this.jobs.announce(job);
    return jobs;
  }
}

async function addTags(tx: EntityManager, documentId: string, tags: string[]): Promise<void> {
  if (tags.length === 0) return;
  await tx
    .createQueryBuilder()
    .insert()
    .into(DocumentTagEntity)
    .values(tags.map((tag) => ({ documentId, tag })))
    .orIgnore()
    .execute();
}

/** Begins an attempt to take a document in. @returns the job that does it */
function begin(document: DocumentEntity, batchId: string | null, refetch: boolean): JobInput {
  Object.assign(document, { status: 'QUEUED', error: null, lastRevision: document.lastRevision + 1 });
  const payload: IngestPayload = { documentId: document.id, revision: document.lastRevision, refetch };
  return { kind: ingestKind, subjectId: document.id, batchId, payload };
}

function newDocument(
  values: Pick<DocumentEntity, 'title' | 'fileName' | 'sourceType' | 'mimeType' | 'sizeBytes' | 'sha256' | 'liveKey' | 'batchId'> & { url?: string },
): DocumentEntity {
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
    ...values,
  });
}
