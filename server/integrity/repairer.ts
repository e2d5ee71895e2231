import { type Readable } from 'node:stream';
import { In, Not } from 'typeorm';
import { ChunkEntity, ChunkVectorEntity, DocumentEntity, type DocumentStore, DocumentTagEntity, DocumentTextEntity } from '../documents/index.js';
import { type IndexMirror, type KnowledgeIndex } from '../indexing/index.js';
import { detectFormat, mimeTypes, type Removal } from '../ingestion/index.js';
import { type BlobStore } from '../platform/blobs/index.js';
import { type Database } from '../platform/database/index.js';
import { type FullTextIndex } from '../platform/full-text/index.js';
import { type Damage, type DamageKind, mendedByReading, originalLost } from './damage.js';

interface RepairerParts {
  database: Database;
  blobs: BlobStore;
  fullText: FullTextIndex;
  index: KnowledgeIndex;
  mirror: IndexMirror;
  removal: Removal;
  store: DocumentStore;
  /** How to read those of these originals, named by hash, that lie somewhere else, as in a backup. */
  savedOriginals: (hashes: ReadonlySet<string>) => Promise<Map<string, () => Promise<Readable>>>;
}

const rowsAtOnce = 500;

/** Mends what a verification has found. Documents that have to be read again are queued, and answer as before until they are whole. */
export class Repairer {
  constructor(private readonly parts: RepairerParts) {}

  /** Those that `repair` would mend. */
  async mendable(damages: Damage[]): Promise<Damage[]> {
    return mendableWith(damages, new Set((await this.#originalsElsewhere(hashesOf(damages))).keys()));
  }

  /** @returns the damages that are mended, or will be by the jobs now queued */
  async repair(damages: Damage[], signal: AbortSignal): Promise<Damage[]> {
    const of = (...kinds: DamageKind[]) => damages.filter(({ kind }) => kinds.includes(kind));
    const chunkIds = (found: Damage[]) => [...new Set(found.map(({ subject }) => Number(subject)))];
    await this.#removeChunks(chunkIds(of('CHUNK_ORPHAN', 'FULL_TEXT_ORPHAN', 'VECTOR_ORPHAN', 'POSTING_ORPHAN', 'CHUNK_STALE')), signal);
    const subjects = (found: Damage[]) => found.map(({ subject }) => subject);
    await this.#removeRows(DocumentTextEntity, subjects(of('TEXT_ORPHAN')));
    await this.#removeRows(DocumentTagEntity, subjects(of('TAG_ORPHAN')));
    if (of('STATISTICS_WRONG').length > 0) await this.parts.fullText.recount();
    if (of('ORIGINAL_ORPHAN').length > 0) await this.parts.removal.sweepOriginals();
    await this.#describe([...new Set(of('DOCUMENT_ALTERED').flatMap(({ documentId }) => documentId ?? []))]);
    // What it holds is not the original: without it the right bytes are taken when they come again. Nobody else may have better ones.
    for (const { subject } of of('ORIGINAL_ALTERED')) await this.parts.blobs.setAside(subject);
    const mendable = mendableWith(damages, await this.#bringOriginals(hashesOf(damages), signal));
    const unread = mendable.filter(({ kind }) => mendedByReading.has(kind));
    await this.#release(of('STUCK').map(({ subject }) => subject));
    await this.#readAgain([...new Set(unread.flatMap(({ documentId }) => documentId ?? []))], signal);
    if (of('INDEX_MISSING', 'INDEX_ORPHAN').length > 0) {
      await this.parts.mirror.bring(this.parts.index.active, signal);
      this.parts.index.mended();
    }
    return mendable;
  }

  /** In the backups, or set aside when a row that was wrong did not name them. */
  async #originalsElsewhere(hashes: ReadonlySet<string>): Promise<Map<string, () => Promise<Readable>>> {
    const { blobs, savedOriginals } = this.parts;
    return new Map([...(await savedOriginals(hashes)), ...(await blobs.orphans(hashes))]);
  }

  /** Says again which original documents were made of, its size and its type; the rest reading them again says. */
  async #describe(ids: string[]): Promise<void> {
    const { blobs, database } = this.parts;
    for (let at = 0; at < ids.length; at += rowsAtOnce) {
      for (const { id, sha256, liveKey, sourceType, fileName } of await database.read.findBy(DocumentEntity, { id: In(ids.slice(at, at + rowsAtOnce)) })) {
        const [keyed] = /(?<=^sha256:).+/.exec(liveKey ?? '') ?? [];
        const right = [keyed, sha256].find((hash) => hash && blobs.exists(hash));
        if (!right) continue;
        const sizeBytes = await blobs.size(right);
        const format = sourceType === 'FILE' ? await detectFormat(blobs.path(right), fileName ?? '') : null;
        const said = { sha256: right, sizeBytes, ...(format && { mimeType: mimeTypes[format] }), ...(keyed && { liveKey: `sha256:${right}` }) };
        await database.write((tx) => tx.update(DocumentEntity, { id }, said));
      }
    }
  }

  /** Takes lost originals out of the backups. @returns those that are here again */
  async #bringOriginals(hashes: ReadonlySet<string>, signal: AbortSignal): Promise<ReadonlySet<string>> {
    const { blobs } = this.parts;
    const brought = new Set<string>();
    for (const [hash, open] of await this.#originalsElsewhere(hashes)) {
      signal.throwIfAborted();
      const file = await open().then(
        (source) => blobs.receive(source),
        () => null,
      );
      if (!file) continue;
      if (file.sha256 !== hash || blobs.exists(hash)) await blobs.discard(file);
      else {
        await blobs.keep(file);
        brought.add(hash);
      }
    }
    return brought;
  }

  async #removeChunks(ids: number[], signal: AbortSignal): Promise<void> {
    for (let at = 0; at < ids.length; at += rowsAtOnce) {
      signal.throwIfAborted();
      const part = ids.slice(at, at + rowsAtOnce);
      await this.parts.index.remove(part);
      await this.parts.database.write(async (tx) => {
        await this.parts.fullText.remove(tx, part);
        await tx.delete(ChunkVectorEntity, { chunkId: In(part) });
        await tx.delete(ChunkEntity, { id: In(part) });
      });
    }
  }

  async #removeRows(entity: typeof DocumentTextEntity | typeof DocumentTagEntity, documentIds: string[]): Promise<void> {
    for (let at = 0; at < documentIds.length; at += rowsAtOnce) {
      const part = documentIds.slice(at, at + rowsAtOnce);
      await this.parts.database.write((tx) => tx.delete(entity, { documentId: In(part) }));
    }
  }

  /** Only what has come to an end can be begun again. */
  async #release(ids: string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += rowsAtOnce) {
      const part = ids.slice(at, at + rowsAtOnce);
      await this.parts.database.write((tx) => tx.update(DocumentEntity, { id: In(part), status: Not(In(['READY', 'FAILED'])) }, { status: 'FAILED' }));
    }
  }

  async #readAgain(ids: string[], signal: AbortSignal): Promise<void> {
    for (let at = 0; at < ids.length; at += rowsAtOnce) {
      signal.throwIfAborted();
      await this.parts.store.queueAgain(ids.slice(at, at + rowsAtOnce));
    }
  }
}

const hashesOf = (damages: Damage[]): ReadonlySet<string> => new Set(damages.filter(({ kind }) => originalLost.has(kind)).map(({ subject }) => subject));

/** @param saved originals that can be had again, by hash */
function mendableWith(damages: Damage[], saved: ReadonlySet<string>): Damage[] {
  const isLost = ({ kind, subject }: Damage) => originalLost.has(kind) && !saved.has(subject);
  const lost = new Set(damages.filter(isLost).map(({ documentId }) => documentId));
  return damages.filter((damage) => !isLost(damage) && (!mendedByReading.has(damage.kind) || !lost.has(damage.documentId)));
}
