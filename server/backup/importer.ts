import { type Readable } from 'node:stream';
import { type DocumentStore } from '../documents/index.js';
import { type GoldenService } from '../golden/index.js';
import { type KnownVectors } from '../indexing/index.js';
import { type BlobStore } from '../platform/blobs/index.js';
import { AppError, messageOf } from '../platform/errors.js';
import { type JobContext } from '../platform/queue/index.js';
import { type Saying, say } from '../platform/saying.js';
import { type KeySettings } from './keys.js';
import { type BackupFolder } from './backup-folder.js';
import { SavedLibrary } from './restoring/documents.js';
import { type LibraryDocument } from './saving/library-part.js';

interface ImporterParts {
  settings: KeySettings;
  folder: BackupFolder;
  blobs: BlobStore;
  store: DocumentStore;
  golden: GoldenService;
  knownVectors: KnownVectors;
}

export interface ImportAction {
  id: string;
  /** Null takes all. */
  documentIds: string[] | null;
  /** Says what would happen, and does nothing. */
  dryRun: boolean;
}

interface Conflict {
  title: string;
  message: string;
  messageJa: string;
}

const conflict = (title: string, saying: Saying): Conflict => ({ title, message: say(saying), messageJa: say(saying, 'ja') });

/** Conflicts that a job's result names one by one; more are counted. */
const mostListed = 200;
const vectorsAtOnce = 500;

/** Takes documents out of a backup or an exported library into this one: what is here already stays as it is. */
export class Importer {
  constructor(private readonly parts: ImporterParts) {}

  async run({ id, documentIds, dryRun }: ImportAction, { signal, report }: JobContext): Promise<Record<string, unknown>> {
    const library = await SavedLibrary.open(this.parts.folder, id, this.parts.settings);
    const originals = await library.originals();
    // Single documents are read again sooner than all vectors are gone through.
    if (!documentIds && !dryRun) await this.#keepVectors(library, signal);
    const wanted = documentIds && new Set(documentIds);
    const conflicts: Conflict[] = [];
    /** Ids in the backup to ids here. */
    const idHere = new Map<string, string>();
    let taken = 0;
    let known = 0;
    let seen = 0;
    for await (const record of library.documents()) {
      signal.throwIfAborted();
      report({ stage: 'IMPORT', progress: seen++ / Math.max(1, library.manifest.counts.documents), message: record.title });
      if (wanted && !wanted.delete(record.id)) continue;
      const here = await this.parts.store.withSameContent(record);
      if (here) {
        idHere.set(record.id, here.id);
        known += 1;
        const difference = differenceOf(record, here);
        if (difference) conflicts.push(conflict(record.title, difference));
        continue;
      }
      const object = record.sha256 === null ? undefined : originals.get(record.sha256);
      if (record.sha256 !== null && object === undefined) {
        conflicts.push(conflict(record.title, { en: 'Its original is not in the backup.', ja: '原本がバックアップにありません。' }));
        continue;
      }
      if (!dryRun) idHere.set(record.id, await this.#take(record, object === undefined ? null : await library.original(object)));
      taken += 1;
    }
    if (wanted && wanted.size > 0)
      throw new AppError(
        'NOT_FOUND',
        {
          en: `The backup ${id} has no document with the id "${[...wanted][0]}".`,
          ja: `バックアップ ${id} に ID「${[...wanted][0]}」の文書はありません。`,
        },
        null,
      );
    const questions = wanted ? 0 : await this.#questions(library, idHere, conflicts, dryRun);
    return { id, dryRun, documents: taken, known, questions, conflicts: conflicts.slice(0, mostListed), conflictCount: conflicts.length };
  }

  /** Puts vectors that the library brings where its documents will look for them. */
  async #keepVectors(library: SavedLibrary, signal: AbortSignal): Promise<void> {
    let batch: { hash: string; model: string; vector: Buffer }[] = [];
    for await (const { hash, model, vector } of library.vectors()) {
      signal.throwIfAborted();
      batch.push({ hash, model, vector: Buffer.from(vector, 'base64') });
      if (batch.length < vectorsAtOnce) continue;
      await this.parts.knownVectors.add(batch);
      batch = [];
    }
    await this.parts.knownVectors.add(batch);
  }

  async #take(record: LibraryDocument, original: Readable | null): Promise<string> {
    const { blobs, store } = this.parts;
    const file = original && (await blobs.receive(original));
    if (file && file.sha256 !== record.sha256) {
      await blobs.discard(file);
      throw new AppError(
        'CONFLICT',
        {
          en: `The original of "${record.title}" in the backup is not what was saved.`,
          ja: `バックアップの「${record.title}」の原本の内容が保存時と違います。`,
        },
        { en: 'Take another backup.', ja: '別のバックアップを使ってください。' },
      );
    }
    return (await store.acceptSaved(record, file)).document.id;
  }

  /** A question that is here already keeps its documents; those that the other knows beside are a conflict to look at. */
  async #questions(library: SavedLibrary, idHere: Map<string, string>, conflicts: Conflict[], dryRun: boolean): Promise<number> {
    let added = 0;
    for await (const { query, documentIds } of library.questions()) {
      const expected = documentIds.flatMap((one) => idHere.get(one) ?? []);
      const here = await this.parts.golden.expectedOf(query);
      if (here) {
        if (expected.some((one) => !here.includes(one)))
          conflicts.push(
            conflict(query, {
              en: 'The question is here with other expected documents, which stay.',
              ja: '同じ質問が別の期待文書とともに登録されています。既存のものを残します。',
            }),
          );
        continue;
      }
      if (dryRun) added += 1;
      else if (expected.length > 0) {
        await this.parts.golden.add(query, expected).then(
          () => (added += 1),
          (error: unknown) => conflicts.push(conflict(query, messageOf(error))),
        );
      }
    }
    return added;
  }
}

function differenceOf(saved: LibraryDocument, here: { title: string; tags: string[] }): Saying | null {
  if (saved.title !== here.title)
    return { en: `It is here under the title "${here.title}", which stays.`, ja: `「${here.title}」という題名で登録されています。既存の題名を残します。` };
  const missing = saved.tags.filter((tag) => !here.tags.includes(tag));
  return missing.length > 0
    ? { en: `It is here without the tags ${missing.join(', ')}.`, ja: `登録済みの文書にはタグ ${missing.join('、')} がありません。` }
    : null;
}
