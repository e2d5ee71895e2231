import { type EntityManager } from 'typeorm';
import { type Dialect } from '../database/index.js';

/** Which chunks hold a term: the part of the full-text index that the two databases do differently. */
export interface Postings {
  insert(tx: EntityManager, rows: { chunkId: number; terms: string[] }[]): Promise<void>;
  remove(tx: EntityManager, chunkIds: number[]): Promise<void>;
  /** Ids of chunks that hold any of the terms, at most `limit`, within the documents given. */
  match(read: EntityManager, terms: string[], limit: number, documentIds: string[] | null): Promise<number[]>;
  /** Documents of which a chunk holds all of the terms. */
  documents(read: EntityManager, terms: string[], documentIds: string[] | null): Promise<string[]>;
  count(read: EntityManager): Promise<number>;
  /** Ids of all chunks that are listed. */
  ids(read: EntityManager): Promise<number[]>;
  /** The statement that merges the parts the lists have grown in. */
  readonly optimization: string;
  /** How many of the chunks are listed. */
  present(read: EntityManager, chunkIds: number[]): Promise<number>;
}

const rowsPerStatement = 100;

async function inParts<T>(items: T[], work: (part: T[]) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += rowsPerStatement) await work(items.slice(at, at + rowsPerStatement));
}

async function presentBy(read: EntityManager, column: string, chunkIds: number[]): Promise<number> {
  let present = 0;
  await inParts(chunkIds, async (part) => {
    const [row] = (await read.query(`SELECT count(*) AS n FROM chunk_fulltext WHERE ${column} IN (${part.join(', ')})`)) as { n: number | string }[];
    present += Number(row?.n ?? 0);
  });
  return present;
}

/**
 * FTS5 without content, positions or counts: only the lists of chunks. Its ASCII tokeniser splits nowhere inside our
 * terms, which hold letters and digits only; they come folded, joined by spaces.
 * https://www.sqlite.org/fts5.html#contentless_delete_tables
 */
const sqlitePostings: Postings = {
  optimization: "INSERT INTO chunk_fulltext (chunk_fulltext) VALUES ('optimize')",
  insert: (tx, rows) =>
    inParts(rows, (part) =>
      tx.query(
        `INSERT INTO chunk_fulltext (rowid, terms) VALUES ${part.map(() => '(?, ?)').join(', ')}`,
        part.flatMap(({ chunkId, terms }) => [chunkId, terms.join(' ')]),
      ),
    ),
  remove: (tx, chunkIds) => inParts(chunkIds, (part) => tx.query(`DELETE FROM chunk_fulltext WHERE rowid IN (${part.map(() => '?').join(', ')})`, part)),
  async match(read, terms, limit, documentIds) {
    const any = terms.map((term) => `"${term}"`).join(' OR ');
    const within = documentIds ? `AND rowid IN (SELECT chunk_id FROM chunk_terms WHERE document_id IN (${documentIds.map(() => '?').join(', ')}))` : '';
    const rows = (await read.query(`SELECT rowid AS id FROM chunk_fulltext WHERE chunk_fulltext MATCH ? ${within} LIMIT ?`, [
      any,
      ...(documentIds ?? []),
      limit,
    ])) as { id: number }[];
    return rows.map((row) => row.id);
  },
  async documents(read, terms, documentIds) {
    const all = terms.map((term) => `"${term}"`).join(' AND ');
    const within = documentIds ? `AND document_id IN (${documentIds.map(() => '?').join(', ')})` : '';
    const rows = (await read.query(
      `SELECT DISTINCT document_id AS id FROM chunk_terms WHERE chunk_id IN (SELECT rowid FROM chunk_fulltext WHERE chunk_fulltext MATCH ?) ${within}`,
      [all, ...(documentIds ?? [])],
    )) as { id: string }[];
    return rows.map(({ id }) => id);
  },
  async count(read) {
    const [row] = (await read.query('SELECT count(*) AS n FROM chunk_fulltext')) as { n: number }[];
    return Number(row?.n ?? 0);
  },
  ids: async (read) => ((await read.query('SELECT rowid AS id FROM chunk_fulltext')) as { id: number }[]).map(({ id }) => id),
  present: (read, chunkIds) => presentBy(read, 'rowid', chunkIds),
};

/** A tsvector of ready-made lexemes under a GIN index. https://www.postgresql.org/docs/current/functions-textsearch.html */
const postgresPostings: Postings = {
  optimization: 'VACUUM ANALYZE chunk_fulltext',
  insert: (tx, rows) =>
    inParts(rows, (part) =>
      tx.query(
        `INSERT INTO chunk_fulltext (chunk_id, terms) VALUES ${part.map((_, index) => `($${index * 2 + 1}, array_to_tsvector($${index * 2 + 2}::text[]))`).join(', ')}`,
        part.flatMap(({ chunkId, terms }) => [chunkId, terms]),
      ),
    ),
  remove: async (tx, chunkIds) => {
    await tx.query('DELETE FROM chunk_fulltext WHERE chunk_id = ANY($1::int[])', [chunkIds]);
  },
  async match(read, terms, limit, documentIds) {
    const any = terms.map((term) => `'${term.replaceAll("'", "''")}'`).join(' | ');
    const within = documentIds ? 'AND chunk_id IN (SELECT chunk_id FROM chunk_terms WHERE document_id = ANY($3::text[]))' : '';
    const rows = (await read.query(
      `SELECT chunk_id AS id FROM chunk_fulltext WHERE terms @@ $1::tsquery ${within} LIMIT $2`,
      documentIds ? [any, limit, documentIds] : [any, limit],
    )) as { id: number }[];
    return rows.map((row) => Number(row.id));
  },
  async documents(read, terms, documentIds) {
    const all = terms.map((term) => `'${term.replaceAll("'", "''")}'`).join(' & ');
    const within = documentIds ? 'AND document_id = ANY($2::text[])' : '';
    const rows = (await read.query(
      `SELECT DISTINCT document_id AS id FROM chunk_terms WHERE chunk_id IN (SELECT chunk_id FROM chunk_fulltext WHERE terms @@ $1::tsquery) ${within}`,
      documentIds ? [all, documentIds] : [all],
    )) as { id: string }[];
    return rows.map(({ id }) => id);
  },
  async count(read) {
    const [row] = (await read.query('SELECT count(*) AS n FROM chunk_fulltext')) as { n: string }[];
    return Number(row?.n ?? 0);
  },
  ids: async (read) => ((await read.query('SELECT chunk_id AS id FROM chunk_fulltext')) as { id: number | string }[]).map(({ id }) => Number(id)),
  present: (read, chunkIds) => presentBy(read, 'chunk_id', chunkIds),
};

export function postingsFor(dialect: Dialect): Postings {
  return dialect === 'postgres' ? postgresPostings : sqlitePostings;
}
