import DataLoader from 'dataloader';
import { type SelectQueryBuilder } from 'typeorm';
import { type AnswerCache } from '../platform/cache/index.js';
import { type Database } from '../platform/database/index.js';
import { notFound } from '../platform/errors.js';
import { type Connection, decodeCursor, pageSize, toConnection } from '../platform/http/graphql-types.js';
import { applyCriteria, type Catalogue, type DocumentWithTags, withTags } from './catalogue.js';
import { ChunkEntity } from './chunk.entity.js';
import { DocumentEntity, DocumentTagEntity, DocumentTextEntity } from './document.entity.js';
import { type ChunkType, type DocumentFilter, type DocumentOrder, DocumentOrderField, type LibraryFacets, OrderDirection } from './document.type.js';

const orderColumns: Record<DocumentOrderField, keyof DocumentEntity> = {
  [DocumentOrderField.CREATED_AT]: 'createdAt',
  [DocumentOrderField.TITLE]: 'title',
  [DocumentOrderField.SIZE]: 'sizeBytes',
  [DocumentOrderField.STATUS]: 'status',
};

type Position = [value: string | number, id: string];
const isPosition = (value: unknown): value is Position =>
  Array.isArray(value) && value.length === 2 && ['string', 'number'].includes(typeof value[0]) && typeof value[1] === 'string';
const isOrdinal = (value: unknown): value is number => Number.isInteger(value);

export function chunkView(chunk: ChunkEntity): ChunkType {
  return { ...chunk, id: String(chunk.id) };
}

/** Reading documents: lists, single ones, their text and chunks. */
export class DocumentsService {
  constructor(
    private readonly database: Database,
    private readonly catalogue: Catalogue,
    private readonly cache: AnswerCache,
  ) {}

  async list(first: number, after: string | null, filter: DocumentFilter, order: DocumentOrder): Promise<Connection<DocumentWithTags>> {
    const size = pageSize(first);
    const position = decodeCursor(after, isPosition);
    const filtered = () => this.#filtered(filter);
    const column = orderColumns[order.field];
    const query = filtered()
      .orderBy(`document.${column}`, order.direction)
      .addOrderBy('document.id', order.direction)
      .limit(size + 1);
    if (position) {
      const compare = order.direction === OrderDirection.ASC ? '>' : '<';
      query.andWhere(`(document.${column} ${compare} :value OR (document.${column} = :value AND document.id ${compare} :id))`, {
        value: position[0],
        id: position[1],
      });
    }
    const [rows, totalCount] = await Promise.all([query.select('document.id', 'id').getRawMany<{ id: string }>(), filtered().getCount()]);
    const byId = new Map(
      (
        await withTags(
          this.database,
          rows.map((row) => row.id),
        )
      ).map((document) => [document.id, document]),
    );
    const documents = rows.flatMap((row) => byId.get(row.id) ?? []);
    const cursorOf = (document: DocumentWithTags): Position => {
      const value = document[column];
      return [value instanceof Date ? value.toISOString() : (value as string | number), document.id];
    };
    return toConnection(documents, size, totalCount, cursorOf, position !== null);
  }

  #filtered(filter: DocumentFilter): SelectQueryBuilder<DocumentEntity> {
    const query = this.database.read.createQueryBuilder(DocumentEntity, 'document').where('document.deletedAt IS NULL');
    applyCriteria(query, { tags: filter.tags, sourceTypes: filter.sourceTypes, languages: filter.languages, mimeTypes: filter.mimeTypes });
    if (filter.statuses) query.andWhere(filter.statuses.length > 0 ? 'document.status IN (:...statuses)' : '1 = 0', { statuses: filter.statuses });
    if (filter.batchId) query.andWhere('document.batchId = :batchId', { batchId: filter.batchId });
    const text = filter.text?.normalize('NFKC').trim().toLowerCase();
    if (text) {
      const pattern = `%${text.replace(/[\\%_]/g, '\\$&')}%`;
      query.andWhere(`(LOWER(document.title) LIKE :pattern ESCAPE '\\' OR LOWER(document.fileName) LIKE :pattern ESCAPE '\\')`, { pattern });
    }
    return query;
  }

  async find(id: string): Promise<DocumentWithTags | null> {
    return (await this.catalogue.get([id])).get(id) ?? null;
  }

  async require(id: string): Promise<DocumentWithTags> {
    const document = await this.find(id);
    if (!document) throw notFound('document', id);
    return document;
  }

  /** Many documents by id in one query, for fields that ask one at a time. */
  loader(): DataLoader<string, DocumentWithTags | null> {
    return new DataLoader(async (ids) => {
      const found = await this.catalogue.get(ids);
      return ids.map((id) => found.get(id) ?? null);
    });
  }

  async text(document: DocumentEntity): Promise<string> {
    const row = await this.database.read.findOneBy(DocumentTextEntity, { documentId: document.id, revision: document.revision });
    return row?.text ?? '';
  }

  async chunks(document: DocumentEntity, first: number, after: string | null, fromOrdinal: number): Promise<Connection<ChunkType>> {
    const size = pageSize(first);
    const from = decodeCursor(after, isOrdinal) ?? fromOrdinal - 1;
    const rows = await this.database.read
      .createQueryBuilder(ChunkEntity, 'chunk')
      .where('chunk.documentId = :id AND chunk.revision = :revision AND chunk.ordinal > :from', { id: document.id, revision: document.revision, from })
      .orderBy('chunk.ordinal')
      .limit(size + 1)
      .getMany();
    return toConnection(rows.map(chunkView), size, document.chunkCount, (chunk) => chunk.ordinal, from >= 0);
  }

  async facets(): Promise<LibraryFacets> {
    const key = `facets:${this.catalogue.revision}`;
    const kept = await this.cache.get('metadata', key);
    if (kept) return JSON.parse(kept.toString()) as LibraryFacets;
    const facets = await this.#countFacets();
    await this.cache.set('metadata', key, Buffer.from(JSON.stringify(facets)));
    return facets;
  }

  async #countFacets(): Promise<LibraryFacets> {
    const documents = () => this.database.read.createQueryBuilder(DocumentEntity, 'document').where('document.deletedAt IS NULL');
    const by = async (column: string) => {
      const rows = await documents()
        .select(`document.${column}`, 'value')
        .addSelect('COUNT(*)', 'count')
        .groupBy(`document.${column}`)
        .getRawMany<{ value: string | null; count: number | string }>();
      return rows
        .flatMap(({ value, count }) => (value === null ? [] : [{ value, count: Number(count) }]))
        .sort((a, b) => b.count - a.count || a.value.localeCompare(b.value));
    };
    const tags = this.database.read
      .createQueryBuilder(DocumentTagEntity, 'tag')
      .innerJoin(DocumentEntity, 'document', 'document.id = tag.documentId AND document.deletedAt IS NULL')
      .select('tag.tag', 'value')
      .addSelect('COUNT(*)', 'count')
      .groupBy('tag.tag')
      .orderBy('COUNT(*)', 'DESC')
      .limit(200)
      .getRawMany<{ value: string; count: number | string }>();
    const [count, tagRows, languages, mimeTypes, sourceTypes, statuses] = await Promise.all([
      documents().getCount(),
      tags,
      by('language'),
      by('mimeType'),
      by('sourceType'),
      by('status'),
    ]);
    return { documents: count, tags: tagRows.map(({ value, count: n }) => ({ value, count: Number(n) })), languages, mimeTypes, sourceTypes, statuses };
  }

  /** Documents and chunks that answer searches. */
  async size(): Promise<{ documents: number; chunks: number }> {
    const row = await this.database.read
      .createQueryBuilder(DocumentEntity, 'document')
      .where('document.deletedAt IS NULL')
      .select('COUNT(*)', 'documents')
      .addSelect('COALESCE(SUM(document.chunkCount), 0)', 'chunks')
      .getRawOne<{ documents: number | string; chunks: number | string }>();
    return { documents: Number(row?.documents ?? 0), chunks: Number(row?.chunks ?? 0) };
  }
}
