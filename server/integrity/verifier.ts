import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { vectorFromBytes } from '../documents/index.js';
import { type KnowledgeIndex } from '../indexing/index.js';
import { type BlobStore } from '../platform/blobs/index.js';
import { type Database } from '../platform/database/index.js';
import { type FullTextIndex } from '../platform/full-text/index.js';
import { type Damage, type DamageKind } from './damage.js';

export interface VerifierParts {
  database: Database;
  blobs: BlobStore;
  index: KnowledgeIndex;
  fullText: FullTextIndex;
}

/** Told which store is looked at, and how far the whole is, 0..1. */
type OnProgress = (stage: string, progress: number) => void;

interface ChunkRow {
  id: number;
  document_id: string;
  char_start: number;
  char_end: number;
  text: string;
  vector: Uint8Array | null;
}

const chunksAtOnce = 500;
const idsAtOnce = 1000;
/** A unit vector's length may differ by this much for its floats. */
const lengthTolerance = 0.01;
const answering = 'd.deleted_at IS NULL AND d.revision > 0';

/** Compares originals, texts, chunks, full text, vectors and the vector index with each other, in both directions, while the product serves. */
export class Verifier {
  constructor(private readonly parts: VerifierParts) {}

  /** @returns every difference; those of documents that changed meanwhile are left out */
  async verify(signal: AbortSignal, onProgress: OnProgress = () => undefined): Promise<Damage[]> {
    const startedAt = new Date().toISOString();
    const stages: [string, () => Promise<Damage[]>][] = [
      ['originals', () => this.#originals(signal)],
      ['texts and chunks', () => this.#documents()],
      ['passages', () => this.#chunks(signal)],
      ['orphans', () => this.#orphans()],
      ['vector index', () => this.#vectorIndex(signal)],
      ['states', () => this.#stuck()],
    ];
    const found: Damage[] = [];
    for (const [i, [stage, look]] of stages.entries()) {
      signal.throwIfAborted();
      onProgress(stage, i / stages.length);
      found.push(...(await look()));
    }
    // One that arrived, changed or went meanwhile was seen by some of the looks as it was, and by others as it is.
    const standing = new Set(
      (await this.#query<{ id: string }>(`SELECT id FROM documents WHERE updated_at < '${startedAt}' AND deleted_at IS NULL`)).map(({ id }) => id),
    );
    return found.filter(({ documentId }) => documentId === null || standing.has(documentId));
  }

  #query<T>(sql: string): Promise<T[]> {
    return this.parts.database.read.query(sql) as Promise<T[]>;
  }

  async #originals(signal: AbortSignal): Promise<Damage[]> {
    const { blobs } = this.parts;
    const found: Damage[] = [];
    const rows = await this.#query<{ id: string; sha256: string }>('SELECT id, sha256 FROM documents WHERE sha256 IS NOT NULL');
    for (const { id, sha256 } of rows) {
      signal.throwIfAborted();
      if (!blobs.exists(sha256)) {
        found.push({
          kind: 'ORIGINAL_MISSING',
          documentId: id,
          subject: sha256,
          message: 'The original is gone. Upload it again, or restore it from a backup.',
        });
        continue;
      }
      const hash = createHash('sha256');
      for await (const part of blobs.read(sha256)) hash.update(part as Buffer);
      if (hash.digest('hex') !== sha256)
        found.push({
          kind: 'ORIGINAL_ALTERED',
          documentId: id,
          subject: sha256,
          message: 'The original holds other bytes than were uploaded. Upload it again, or restore it from a backup.',
        });
    }
    const known = new Set(rows.map(({ sha256 }) => sha256));
    const strangers = (await blobs.list()).filter((sha256) => !known.has(sha256));
    // One that arrived while the others were read is known by now.
    for (const sha256 of strangers) {
      const [row] = await this.#query(`SELECT id FROM documents WHERE sha256 = '${sha256.replaceAll("'", "''")}'`);
      if (!row)
        found.push({ kind: 'ORIGINAL_ORPHAN', documentId: null, subject: sha256, message: 'A file lies among the originals that no document refers to.' });
    }
    return found;
  }

  async #documents(): Promise<Damage[]> {
    const texts = await this.#query<{ id: string }>(
      `SELECT d.id FROM documents d LEFT JOIN document_texts t ON t.document_id = d.id AND t.revision = d.revision WHERE ${answering} AND t.document_id IS NULL`,
    );
    const counts = await this.#query<{ id: string; chunk_count: number; present: number | string }>(
      `SELECT d.id, d.chunk_count, count(c.id) AS present FROM documents d
       LEFT JOIN chunks c ON c.document_id = d.id AND c.revision = d.revision AND c.indexed_at IS NOT NULL
       WHERE ${answering} GROUP BY d.id, d.chunk_count HAVING count(c.id) <> d.chunk_count`,
    );
    return [
      ...texts.map(({ id }): Damage => ({ kind: 'TEXT_MISSING', documentId: id, subject: id, message: 'The text that was read of the document is gone.' })),
      ...counts.map(({ id, chunk_count: wanted, present }): Damage => {
        return { kind: 'CHUNKS_MISSING', documentId: id, subject: id, message: `The document has ${present} passages, not ${wanted}.` };
      }),
    ];
  }

  /** Passages that answer: each a slice of its document's text, in the full text, and with a unit vector. */
  async #chunks(signal: AbortSignal): Promise<Damage[]> {
    const { fullText, index } = this.parts;
    const model = index.active.model.replaceAll("'", "''");
    const found: Damage[] = [];
    let text = { documentId: '', text: null as string | null };
    for (let after = 0; ;) {
      signal.throwIfAborted();
      const rows = await this.#query<ChunkRow>(
        `SELECT c.id, c.document_id, c.char_start, c.char_end, c.text, v.vector FROM chunks c
         JOIN documents d ON d.id = c.document_id AND d.revision = c.revision AND ${answering}
         LEFT JOIN chunk_vectors v ON v.chunk_id = c.id AND v.model = '${model}'
         WHERE c.id > ${after} AND c.indexed_at IS NOT NULL ORDER BY c.id LIMIT ${chunksAtOnce}`,
      );
      for (const row of rows) {
        const damage = (kind: DamageKind, message: string) => found.push({ kind, documentId: row.document_id, subject: String(row.id), message });
        if (text.documentId !== row.document_id) text = { documentId: row.document_id, text: await this.#textOf(row.document_id) };
        if (text.text !== null && text.text.slice(row.char_start, row.char_end) !== row.text)
          damage('CHUNK_ALTERED', 'A passage says something else than the text it was cut from.');
        if (!row.vector) damage('VECTOR_MISSING', 'A passage has no vector.');
        else if (!isUnit(row.vector)) damage('VECTOR_ALTERED', "A passage's vector is none that the model makes.");
      }
      const unlisted = await fullText.missing(rows.map(({ id }) => Number(id)));
      for (const row of rows.filter(({ id }) => unlisted.has(Number(id))))
        found.push({ kind: 'FULL_TEXT_MISSING', documentId: row.document_id, subject: String(row.id), message: 'A passage is not in the full-text index.' });
      if (rows.length < chunksAtOnce) return found;
      after = Number(rows.at(-1)!.id);
      await nextTurn();
    }
  }

  async #textOf(documentId: string): Promise<string | null> {
    const [row] = await this.#query<{ text: string }>(
      `SELECT t.text FROM document_texts t JOIN documents d ON d.id = t.document_id AND d.revision = t.revision WHERE d.id = '${documentId}'`,
    );
    return row?.text ?? null;
  }

  /** Rows that belong to nothing. */
  async #orphans(): Promise<Damage[]> {
    const looks: [DamageKind, string, string][] = [
      ['CHUNK_ORPHAN', 'A passage belongs to no document.', 'SELECT c.id FROM chunks c LEFT JOIN documents d ON d.id = c.document_id WHERE d.id IS NULL'],
      [
        'FULL_TEXT_ORPHAN',
        'The full-text index lists a passage that does not exist.',
        'SELECT t.chunk_id AS id FROM chunk_terms t LEFT JOIN chunks c ON c.id = t.chunk_id WHERE c.id IS NULL',
      ],
      [
        'VECTOR_ORPHAN',
        'A vector belongs to no passage.',
        'SELECT DISTINCT v.chunk_id AS id FROM chunk_vectors v LEFT JOIN chunks c ON c.id = v.chunk_id WHERE c.id IS NULL',
      ],
    ];
    const found: Damage[] = [];
    for (const [kind, message, sql] of looks) {
      for (const { id } of await this.#query<{ id: number }>(sql)) found.push({ kind, documentId: null, subject: String(id), message });
    }
    return found;
  }

  async #vectorIndex(signal: AbortSignal): Promise<Damage[]> {
    const { index } = this.parts;
    const { collection } = index.active;
    await index.vectors.whenAvailable(signal);
    const held: string[] = [];
    for (let offset = 0; ; offset += idsAtOnce) {
      const ids = await index.vectors.ids(collection, idsAtOnce, offset);
      held.push(...ids);
      if (ids.length < idsAtOnce) break;
    }
    const expected = await this.#query<{ id: number; document_id: string }>(
      `SELECT c.id, c.document_id FROM chunks c JOIN documents d ON d.id = c.document_id AND d.revision = c.revision AND ${answering} WHERE c.indexed_at IS NOT NULL`,
    );
    const holds = new Set(held);
    const missing = expected.filter(({ id }) => !holds.has(String(id)));
    // Asked for once more: one that came after its page was read is there.
    const there = new Set(
      missing.length > 0
        ? await index.vectors.existing(
            collection,
            missing.map(({ id }) => String(id)),
          )
        : [],
    );
    const rows = new Set((await this.#query<{ id: number }>('SELECT id FROM chunks')).map(({ id }) => String(id)));
    const unknown = held.filter((id) => !rows.has(id));
    // And one that was removed since is not.
    const strangers = unknown.length > 0 ? await index.vectors.existing(collection, unknown) : [];
    return [
      ...missing
        .filter(({ id }) => !there.has(String(id)))
        .map((row): Damage => ({
          kind: 'INDEX_MISSING',
          documentId: row.document_id,
          subject: String(row.id),
          message: 'ChromaDB lacks the vector of a passage.',
        })),
      ...strangers.map((id): Damage => ({
        kind: 'INDEX_ORPHAN',
        documentId: null,
        subject: id,
        message: 'ChromaDB holds the vector of a passage that does not exist.',
      })),
    ];
  }

  /** Documents on their way that no job takes further. */
  async #stuck(): Promise<Damage[]> {
    const rows = await this.#query<{ id: string; status: string }>(
      `SELECT d.id, d.status FROM documents d WHERE d.deleted_at IS NULL AND d.status NOT IN ('READY', 'FAILED')
       AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.subject_id = d.id AND j.status IN ('QUEUED', 'RUNNING'))`,
    );
    return rows.map(({ id, status }) => ({ kind: 'STUCK', documentId: id, subject: id, message: `The document is ${status}, and no job takes it further.` }));
  }
}

function isUnit(bytes: Uint8Array): boolean {
  const vector = vectorFromBytes(bytes);
  let squares = 0;
  for (const value of vector) squares += value * value;
  return Math.abs(Math.sqrt(squares) - 1) <= lengthTolerance;
}
