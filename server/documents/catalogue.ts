import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type SelectQueryBuilder } from 'typeorm';
import { type Database } from '../platform/database/index.js';
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
}

export type DocumentWithTags = DocumentEntity & { tags: string[] };

/** Documents a filter admits: all, a list short enough to hand to an index, or more than that with their share. */
export type Admitted = { kind: 'all' } | { kind: 'list'; ids: string[] } | { kind: 'share'; share: number };

const longestList = 2000;

/** What searches need of documents, kept in memory and forgotten when a document changes. */
export class Catalogue {
  readonly #entries = new LRUCache<string, DocumentWithTags>({ max: 20_000 });
  readonly #boot = randomUUID();
  #changes = 0;

  constructor(private readonly database: Database) {}

  /** Changes whenever an answer could: part of the key that answers are cached under. */
  get version(): string {
    return `${this.#boot}.${this.#changes}`;
  }

  changed(...ids: string[]): void {
    this.#changes += 1;
    for (const id of ids) this.#entries.delete(id);
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

  async admitted(criteria: DocumentCriteria): Promise<Admitted> {
    if (!isNarrowing(criteria)) return { kind: 'all' };
    const base = () => applyCriteria(this.database.searchRead.createQueryBuilder(DocumentEntity, 'document').where('document.deletedAt IS NULL AND document.revision > 0'), criteria);
    const rows = await base()
      .select('document.id', 'id')
      .limit(longestList + 1)
      .getRawMany<{ id: string }>();
    if (rows.length <= longestList) return { kind: 'list', ids: rows.map((row) => row.id) };
    const [admitted, total] = await Promise.all([base().getCount(), this.database.searchRead.countBy(DocumentEntity, {})]);
    return { kind: 'share', share: admitted / Math.max(1, total) };
  }
}

export function isNarrowing(criteria: DocumentCriteria): boolean {
  return Object.values(criteria).some((value: unknown) => value !== null && value !== undefined);
}

/** The same criteria on a document in memory. */
export function admits(criteria: DocumentCriteria, document: DocumentWithTags): boolean {
  const oneOf = <T>(allowed: T[] | null | undefined, values: T[]) => !allowed || values.some((value) => allowed.includes(value));
  return (
    oneOf(criteria.tags, document.tags) &&
    oneOf(criteria.sourceTypes, [document.sourceType]) &&
    oneOf(criteria.languages, [document.language ?? '']) &&
    oneOf(criteria.mimeTypes, [document.mimeType]) &&
    oneOf(criteria.documentIds, [document.id]) &&
    (!criteria.from || document.datedAt >= criteria.from) &&
    (!criteria.to || document.datedAt <= criteria.to)
  );
}

export function applyCriteria<T extends object>(query: SelectQueryBuilder<T>, criteria: DocumentCriteria): SelectQueryBuilder<T> {
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
