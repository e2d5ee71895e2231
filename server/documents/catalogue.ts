import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type SelectQueryBuilder } from 'typeorm';
import { type Database } from '../platform/database/index.js';
import { type Lull } from '../platform/lull.js';
import { DocumentEntity, DocumentTagEntity, type SourceKind } from './document.entity.js';

/** Any within a field, all across fields. Dates mean `publishedAt ?? createdAt`. */
export interface DocumentCriteria {
  tags?: string[] | null;
  sourceTypes?: SourceKind[] | null;
  languages?: string[] | null;
  mimeTypes?: string[] | null;
  documentIds?: string[] | null;
  from?: Date | null;
  to?: Date | null;
  /** Each of these must admit a document as well. */
  and?: DocumentCriteria[];
  /** None of these may admit it. */
  not?: DocumentCriteria[];
}

export type DocumentWithTags = DocumentEntity & { tags: string[] };

/** Documents a filter admits: all, a list short enough to hand to an index, or more than that with their share. */
export type Admitted = { kind: 'all' } | { kind: 'list'; ids: string[] } | { kind: 'share'; share: number };

/** What decides whether a passage of a document may answer. */
export interface DocumentFacts {
  id: string;
  /** Which set of chunks answers. */
  revision: number;
  sourceType: SourceKind;
  language: string | null;
  mimeType: string;
  /** ISO 8601: publishedAt, else createdAt. */
  datedAt: string;
  tags: string[];
}

const longestList = 2000;
const idsPerStatement = 500;
const mostEntries = 20_000;
const warmedAtOnce = 100;

/**
 * What searches need of documents. The facts of every document that answers are held in memory (about 0.3 kB each), so
 * that hundreds of candidates are judged without a look into the database; whole rows are kept for those often shown.
 */
export class Catalogue {
  readonly #entries = new LRUCache<string, DocumentWithTags>({ max: mostEntries });
  readonly #facts = new Map<string, DocumentFacts>();
  readonly #stale = new Set<string>();
  readonly #boot = randomUUID();
  #changes = 0;
  #answersVersion = 0;
  #refreshing: Promise<void> = Promise.resolve();
  #paused = false;

  constructor(private readonly database: Database) {}

  /** Changes whenever an answer could: part of the key that answers are cached under. Current after `refresh`. */
  get version(): string {
    return `${this.#boot}.${this.#answersVersion}`;
  }

  /** Changes with every change to any document, also of its state. */
  get revision(): string {
    return `${this.#boot}.${this.#changes}`;
  }

  /** Reads the facts of all documents. */
  async open(): Promise<void> {
    for (const facts of await readFacts(this.database, null)) this.#facts.set(facts.id, facts);
  }

  /** To be called after a change was committed. */
  changed(...ids: string[]): void {
    this.#changes += 1;
    for (const id of ids) {
      this.#entries.delete(id);
      this.#stale.add(id);
    }
  }

  /** Brings the facts up to every change committed so far. */
  refresh(): Promise<void> {
    if (this.#paused) return Promise.resolve();
    if (this.#stale.size > 0) this.#refreshing = this.#refreshing.then(() => this.#reread());
    return this.#refreshing;
  }

  /** Until `resume` the facts stay as they are, and searches go on with them: what is committed meanwhile is to count from one moment on. */
  async pause(): Promise<void> {
    await this.refresh();
    this.#paused = true;
    await this.#refreshing.catch(() => undefined);
  }

  /** Lets other revisions answer, by document, in this moment. */
  exchange(revisions: ReadonlyMap<string, number>): void {
    for (const [id, facts] of this.#facts) {
      const revision = revisions.get(id);
      if (revision !== undefined) this.#facts.set(id, { ...facts, revision });
    }
    this.#entries.clear();
    this.#changes += 1;
    this.#answersVersion += 1;
  }

  resume(): void {
    this.#paused = false;
  }

  async #reread(): Promise<void> {
    const ids = [...this.#stale];
    this.#stale.clear();
    try {
      for (let at = 0; at < ids.length; at += idsPerStatement) {
        const part = ids.slice(at, at + idsPerStatement);
        const found = new Map((await readFacts(this.database, part)).map((facts) => [facts.id, facts]));
        for (const id of part) this.#replace(id, found.get(id));
      }
    } catch (error) {
      for (const id of ids) this.#stale.add(id);
      this.#refreshing = Promise.resolve();
      throw error;
    }
  }

  #replace(id: string, facts: DocumentFacts | undefined): void {
    if (JSON.stringify(this.#facts.get(id)) === JSON.stringify(facts)) return;
    this.#answersVersion += 1;
    if (facts) this.#facts.set(id, facts);
    else this.#facts.delete(id);
  }

  /** Facts of a document that answers; undefined for one that is deleted or has never been ready. */
  facts(id: string): DocumentFacts | undefined {
    return this.#facts.get(id);
  }

  async get(ids: Iterable<string>): Promise<Map<string, DocumentWithTags>> {
    const found = new Map<string, DocumentWithTags>();
    const missing: string[] = [];
    for (const id of new Set(ids)) {
      const entry = this.#entries.get(id);
      if (entry) found.set(id, entry);
      else missing.push(id);
    }
    const changesBefore = this.#changes;
    for (let at = 0; at < missing.length; at += 1000) {
      for (const document of await withTags(this.database, missing.slice(at, at + 1000))) {
        found.set(document.id, document);
        // A change that was committed meanwhile must not be shadowed by what was read before it.
        if (this.#changes === changesBefore) this.#entries.set(document.id, document);
      }
    }
    return found;
  }

  /** Reads whole rows ahead, as many as are kept. */
  async warm(signal: AbortSignal, lull: Lull): Promise<void> {
    const ids = [...this.#facts.keys()].slice(-mostEntries);
    for (let at = 0; at < ids.length && !signal.aborted; at += warmedAtOnce) {
      await this.get(ids.slice(at, at + warmedAtOnce));
      await lull.come();
    }
  }

  /** Documents that answer. */
  get size(): number {
    return this.#facts.size;
  }

  admitted(criteria: DocumentCriteria): Admitted {
    if (!isNarrowing(criteria)) return { kind: 'all' };
    const ids: string[] = [];
    let admitted = 0;
    for (const facts of this.#facts.values()) {
      if (!admits(criteria, facts)) continue;
      admitted += 1;
      if (admitted <= longestList) ids.push(facts.id);
    }
    return admitted <= longestList ? { kind: 'list', ids } : { kind: 'share', share: admitted / this.#facts.size };
  }
}

interface FactsRow {
  id: string;
  revision: number;
  source_type: SourceKind;
  language: string | null;
  mime_type: string;
  dated_at: string;
}

async function readFacts(database: Database, ids: string[] | null): Promise<DocumentFacts[]> {
  // Identifiers are UUIDs of our own making.
  const list = ids?.map((id) => `'${id.replaceAll("'", "''")}'`).join(', ');
  const [rows, tags] = (await Promise.all([
    database.searchRead.query(
      `SELECT id, revision, source_type, language, mime_type, dated_at FROM documents WHERE deleted_at IS NULL AND revision > 0 ${list ? `AND id IN (${list})` : ''}`,
    ),
    database.searchRead.query(`SELECT document_id, tag FROM document_tags ${list ? `WHERE document_id IN (${list})` : ''} ORDER BY tag`),
  ])) as [FactsRow[], { document_id: string; tag: string }[]];
  const byDocument = new Map<string, string[]>();
  for (const { document_id: id, tag } of tags) {
    const known = byDocument.get(id);
    if (known) known.push(tag);
    else byDocument.set(id, [tag]);
  }
  return rows.map((row) => ({
    id: row.id,
    revision: row.revision,
    sourceType: row.source_type,
    language: row.language,
    mimeType: row.mime_type,
    datedAt: row.dated_at,
    tags: byDocument.get(row.id) ?? [],
  }));
}

export function isNarrowing({ and, not, ...own }: DocumentCriteria): boolean {
  return (not?.length ?? 0) > 0 || Object.values(own).some((value) => value !== null && value !== undefined) || (and ?? []).some(isNarrowing);
}

/** Whether a document passes. */
export function admits(criteria: DocumentCriteria, document: DocumentFacts): boolean {
  const oneOf = <T>(allowed: T[] | null | undefined, values: T[]) => !allowed || values.some((value) => allowed.includes(value));
  return (
    (oneOf(criteria.tags, document.tags) || isTagged(criteria.tags ?? [], document.tags)) &&
    oneOf(criteria.sourceTypes, [document.sourceType]) &&
    oneOf(criteria.languages, [document.language ?? '']) &&
    oneOf(criteria.mimeTypes, [document.mimeType]) &&
    oneOf(criteria.documentIds, [document.id]) &&
    (!criteria.from || document.datedAt >= criteria.from.toISOString()) &&
    (!criteria.to || document.datedAt <= criteria.to.toISOString()) &&
    (criteria.and ?? []).every((further) => admits(further, document)) &&
    !(criteria.not ?? []).some((refused) => admits(refused, document))
  );
}

const foldedTags = new Map<string, string>();
const mostFolded = 10_000;

/** Remembered, as each search compares the tags of all documents. */
function foldTag(tag: string): string {
  let folded = foldedTags.get(tag);
  if (folded === undefined) {
    folded = tag.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
    if (foldedTags.size >= mostFolded) foldedTags.clear();
    foldedTags.set(tag, folded);
  }
  return folded;
}

/** As people write them in a query: in any case, spaces and widths aside. */
function isTagged(wanted: string[], tags: string[]): boolean {
  return tags.length > 0 && wanted.some((tag) => tags.some((other) => foldTag(other) === foldTag(tag)));
}

export function applyCriteria<T extends object>(query: SelectQueryBuilder<T>, criteria: Omit<DocumentCriteria, 'and' | 'not'>): SelectQueryBuilder<T> {
  const within = (column: string, name: string, values: string[] | null | undefined) => {
    if (!values) return;
    if (values.length === 0) query.andWhere('1 = 0');
    else query.andWhere(`document.${column} IN (:...${name})`, { [name]: values });
  };
  within('sourceType', 'sourceTypes', criteria.sourceTypes);
  within('language', 'languages', criteria.languages);
  within('mimeType', 'mimeTypes', criteria.mimeTypes);
  within('id', 'documentIds', criteria.documentIds);
  if (criteria.tags) {
    if (criteria.tags.length === 0) query.andWhere('1 = 0');
    else {
      const tagged = query.subQuery().select('tag.documentId').from(DocumentTagEntity, 'tag').where('tag.tag IN (:...tags)').getQuery();
      query.andWhere(`document.id IN ${tagged}`, { tags: criteria.tags });
    }
  }
  if (criteria.from) query.andWhere('document.datedAt >= :from', { from: criteria.from.toISOString() });
  if (criteria.to) query.andWhere('document.datedAt <= :to', { to: criteria.to.toISOString() });
  return query;
}

export async function withTags(database: Database, ids: string[]): Promise<DocumentWithTags[]> {
  if (ids.length === 0) return [];
  const [documents, tags] = await Promise.all([
    database.searchRead.createQueryBuilder(DocumentEntity, 'document').where('document.id IN (:...ids) AND document.deletedAt IS NULL', { ids }).getMany(),
    database.searchRead.createQueryBuilder(DocumentTagEntity, 'tag').where('tag.documentId IN (:...ids)', { ids }).orderBy('tag.tag').getMany(),
  ]);
  const byDocument = new Map<string, string[]>();
  for (const { documentId, tag } of tags) byDocument.set(documentId, [...(byDocument.get(documentId) ?? []), tag]);
  return documents.map((document) => Object.assign(document, { tags: byDocument.get(document.id) ?? [] }));
}
