import { passageHash, passageText } from '../../platform/embedder/index.js';
import { type Source } from './source.js';

/** A document as another installation can take it in. Times are ISO 8601. */
export interface LibraryDocument {
  type: 'document';
  id: string;
  title: string;
  titleEdited: boolean;
  fileName: string | null;
  aliases: string[];
  sourceType: 'FILE' | 'WEB' | 'FEED' | 'FOLDER';
  mimeType: string;
  language: string | null;
  sizeBytes: number;
  sha256: string | null;
  url: string | null;
  author: string | null;
  publishedAt: string | null;
  createdAt: string;
  tags: string[];
}

export interface LibraryQuestion {
  type: 'golden';
  query: string;
  documentIds: string[];
}

export type LibraryRecord = LibraryDocument | LibraryQuestion;

interface DocumentRow {
  id: string;
  title: string;
  titleEdited: number | boolean;
  fileName: string | null;
  aliases: string;
  sourceType: LibraryDocument['sourceType'];
  mimeType: string;
  language: string | null;
  sizeBytes: number | string;
  sha256: string | null;
  url: string | null;
  author: string | null;
  publishedAt: string | null;
  createdAt: string;
}

const atOnce = 500;
const documentColumns = `id, title, title_edited AS "titleEdited", file_name AS "fileName", aliases, source_type AS "sourceType", mime_type AS "mimeType", language,
  size_bytes AS "sizeBytes", sha256, url, author, published_at AS "publishedAt", created_at AS "createdAt"`;

/** Every document that is not being deleted, with its tags, then every golden query. */
export async function* libraryRecords(source: Source): AsyncGenerator<LibraryRecord> {
  for (let after = ''; ;) {
    const rows = await source.query<DocumentRow>(`SELECT ${documentColumns} FROM documents WHERE deleted_at IS NULL AND id > ? ORDER BY id LIMIT ${atOnce}`, [
      after,
    ]);
    if (rows.length === 0) break;
    const last = rows.at(-1)!.id;
    const tags = await source.query<{ id: string; tag: string }>(
      'SELECT document_id AS id, tag FROM document_tags WHERE document_id > ? AND document_id <= ? ORDER BY tag',
      [after, last],
    );
    const tagsOf = new Map<string, string[]>();
    for (const { id, tag } of tags) tagsOf.set(id, [...(tagsOf.get(id) ?? []), tag]);
    for (const row of rows) {
      yield {
        type: 'document',
        ...row,
        titleEdited: Boolean(row.titleEdited),
        aliases: JSON.parse(row.aliases) as string[],
        sizeBytes: Number(row.sizeBytes),
        tags: tagsOf.get(row.id) ?? [],
      };
    }
    after = last;
  }
  const golden = await source.query<{ query: string; documentIds: string }>(
    'SELECT query, document_ids AS "documentIds" FROM golden_queries ORDER BY created_at',
  );
  for (const { query, documentIds } of golden) yield { type: 'golden', query, documentIds: JSON.parse(documentIds) as string[] };
}

/** A chunk's vectors under the hash of what the model has read. */
export interface VectorRecord {
  hash: string;
  model: string;
  /** 32-bit floats, little endian, base64; `pieces` as the database packs them. */
  vector: string;
  pieces: string | null;
}

interface VectorRow {
  chunkId: number;
  model: string;
  vector: Buffer;
  pieces: Buffer | null;
  title: string;
  headingPath: string;
  text: string;
}

/** Vectors of all chunks that belong to a document, by the text they were made of. */
export async function* vectorRecords(source: Source): AsyncGenerator<VectorRecord> {
  for (let chunkId = -1, model = ''; ;) {
    const rows = await source.query<VectorRow>(
      `SELECT v.chunk_id AS "chunkId", v.model, v.vector, v.pieces, d.title, c.heading_path AS "headingPath", c.text
       FROM chunk_vectors v JOIN chunks c ON c.id = v.chunk_id JOIN documents d ON d.id = c.document_id
       WHERE v.chunk_id > ? OR (v.chunk_id = ? AND v.model > ?) ORDER BY v.chunk_id, v.model LIMIT ${atOnce}`,
      [chunkId, chunkId, model],
    );
    if (rows.length === 0) return;
    for (const row of rows) {
      yield {
        hash: passageHash(passageText(row.title, JSON.parse(row.headingPath) as string[], row.text)),
        model: row.model,
        vector: row.vector.toString('base64'),
        pieces: row.pieces?.toString('base64') ?? null,
      };
    }
    ({ chunkId, model } = rows.at(-1)!);
  }
}
