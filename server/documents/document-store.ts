import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { type EntityManager, In, IsNull } from 'typeorm';
import { type BlobStore, type ReceivedFile } from '../platform/blobs/index.js';
import { type Database, SharedWrites } from '../platform/database/index.js';
import { badInput, notFound } from '../platform/errors.js';
import { type JobEntity, type JobQueue } from '../platform/queue/index.js';
import { acceptArrivals, type AcceptedArrival, addTags, type Arrival, begin } from './arrivals.js';
import { type Catalogue, type DocumentWithTags, withTags } from './catalogue.js';
import { revisionsLock } from './chunkings.js';
import { DocumentEntity, DocumentTagEntity } from './document.entity.js';

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

/** A document as a backup or an exported library tells of it. Times are ISO 8601. */
export interface SavedDocument extends Pick<
  DocumentEntity,
  'id' | 'title' | 'titleEdited' | 'fileName' | 'aliases' | 'sourceType' | 'mimeType' | 'language' | 'sha256' | 'url' | 'author'
> {
  publishedAt: string | null;
  createdAt: string;
  tags: string[];
}

const liveKeyOf = ({ url, sha256 }: Pick<SavedDocument, 'sha256' | 'url'>) => (url === null ? `sha256:${sha256}` : `url:${url}`);

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
  if (long !== undefined)
    throw badInput(
      {
        en: `The tag "${long.slice(0, 40)}…" is longer than ${longestTag} characters.`,
        ja: `タグ「${long.slice(0, 40)}…」は ${longestTag} 文字を超えています。`,
      },
      { en: 'Shorten it.', ja: '短くしてください。' },
    );
  if (cleaned.length > mostTags)
    throw badInput(
      {
        en: `A document can have ${mostTags} tags, not ${cleaned.length}.`,
        ja: `1 つの文書に付けられるタグは ${mostTags} 個までです（${cleaned.length} 個）。`,
      },
      { en: 'Leave some out.', ja: '減らしてください。' },
    );
  return cleaned;
}

function titleFromName(name: string): string {
  return name.replace(/\.[^.]{1,8}$/, '') || name;
}

/** Documents as rows: accepting them, changing them, marking them for deletion. */
export class DocumentStore {
  readonly #arrivals: SharedWrites<Arrival, AcceptedArrival>;

  constructor(
    private readonly database: Database,
    blobs: BlobStore,
    private readonly jobs: JobQueue,
    private readonly catalogue: Catalogue,
  ) {
    this.#arrivals = new SharedWrites(database, async (tx, arrivals) => {
      await database.lock(tx, revisionsLock);
      return acceptArrivals(tx, { database, blobs, jobs }, arrivals);
    });
  }

  /** Keeps a received file as a document; the same bytes again answer with the document that has them. */
  acceptFile(file: ReceivedFile, { fileName, mimeType, ...origin }: Origin & { fileName: string; mimeType: string }): Promise<AcceptedDocument> {
    const name = cleanFileName(fileName);
    const { sha256, sizeBytes } = file;
    const liveKey = `sha256:${sha256}`;
    const document = { title: titleFromName(name), fileName: name, sourceType: 'FILE' as const, mimeType, sizeBytes, sha256, liveKey };
    return this.#accept({ liveKey, document, file, always: false, ...origin });
  }

  /** Makes the document of a web address, which is fetched as the first step of reading it. */
  acceptUrl(url: string, origin: Origin): Promise<AcceptedDocument> {
    const liveKey = `url:${url}`;
    const document = { title: url, fileName: null, sourceType: 'WEB' as const, mimeType: 'text/html', sizeBytes: 0, sha256: null, url, liveKey };
    return this.#accept({ liveKey, document, file: null, always: true, ...origin });
  }

  /** The document here that has the same bytes, or the same address. */
  async withSameContent(saved: Pick<SavedDocument, 'sha256' | 'url'>): Promise<DocumentWithTags | null> {
    const found = await this.database.read.findOneBy(DocumentEntity, { liveKey: liveKeyOf(saved) });
    return found && ((await withTags(this.database, [found.id]))[0] ?? null);
  }

  /** Takes a document in as it was saved elsewhere or before, with its names, dates and tags; it is read again. */
  async acceptSaved(saved: SavedDocument, file: ReceivedFile | null): Promise<AcceptedDocument> {
    const { tags, publishedAt, createdAt, ...facts } = saved;
    const published = publishedAt === null ? null : new Date(publishedAt);
    const created = new Date(createdAt);
    // An id that something here has, even a document about to go, is left to it.
    const isTaken = await this.database.read.existsBy(DocumentEntity, { id: saved.id });
    const document = {
      ...facts,
      id: isTaken ? randomUUID() : saved.id,
      ...{ publishedAt: published, createdAt: created, datedAt: published ?? created },
      liveKey: liveKeyOf(saved),
      sizeBytes: file?.sizeBytes ?? 0,
      sha256: file?.sha256 ?? null,
    };
    return this.#accept({ liveKey: document.liveKey, document, file, always: false, tags, batchId: null });
  }

  async #accept(arrival: Arrival): Promise<AcceptedDocument> {
    const tags = cleanTags(arrival.tags);
    const { document, job, duplicate } = await this.#arrivals.add({ ...arrival, tags });
    this.catalogue.changed(document.id);
    if (job) this.jobs.announce(job);
    if (!duplicate) return { document: Object.assign(document, { tags: tags.sort() }), job, duplicate };
    const [known] = await withTags(this.database, [document.id]);
    if (!known) throw notFound('document', document.id);
    return { document: known, job, duplicate };
  }

  async update(id: string, change: { title?: string | null; tags?: string[] | null }): Promise<{ document: DocumentWithTags; job: JobEntity | null }> {
    const title = change.title?.normalize('NFKC').trim();
    if (title === '')
      throw badInput(
        { en: 'A title cannot be empty.', ja: '題名は空にできません。' },
        { en: 'Leave the title out to keep it.', ja: '変えない場合は題名を省いてください。' },
      );
    if (title && title.length > 1000)
      throw badInput({ en: 'A title can have 1,000 characters.', ja: '題名は 1,000 文字までです。' }, { en: 'Shorten it.', ja: '短くしてください。' });
    const tags = change.tags ? cleanTags(change.tags) : null;
    const job = await this.database.write(async (tx) => {
      await this.database.lock(tx, revisionsLock);
      const document = await tx.findOneBy(DocumentEntity, { id, deletedAt: IsNull() });
      if (!document) throw notFound('document', id);
      if (tags) {
        await tx.delete(DocumentTagEntity, { documentId: id });
        await addTags(
          tx,
          tags.map((tag) => ({ documentId: id, tag })),
        );
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
      await this.database.lock(tx, revisionsLock);
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
