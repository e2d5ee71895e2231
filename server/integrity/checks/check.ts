import { type KnowledgeIndex } from '../../indexing/index.js';
import { type BlobStore } from '../../platform/blobs/index.js';
import { type Database } from '../../platform/database/index.js';
import { type FullTextIndex } from '../../platform/full-text/index.js';
import { type Damage } from '../damage.js';

export interface CheckedStores {
  database: Database;
  blobs: BlobStore;
  index: KnowledgeIndex;
  fullText: FullTextIndex;
}

/** Looks at one of the stores and names what differs from the others. */
export type Check = (stores: CheckedStores, signal: AbortSignal) => Promise<Damage[]>;

/** Documents whose passages answer: `d` in a statement. */
export const answering = 'd.deleted_at IS NULL AND d.revision > 0';

export const select = <T>({ database }: CheckedStores, sql: string): Promise<T[]> => database.read.query(sql) as Promise<T[]>;

export const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
