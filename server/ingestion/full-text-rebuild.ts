import { setImmediate as nextTurn } from 'node:timers/promises';
import { In, IsNull, MoreThan } from 'typeorm';
import { ChunkEntity, DocumentEntity } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';
import { type FullTextIndex } from '../platform/full-text/index.js';
import { type JobContext } from '../platform/queue/index.js';
import { outOf } from '../platform/saying.js';
import { fullTextOf } from './full-text-of.js';

const chunksAtOnce = 100;

/** Makes the full-text index anew from the passages, a handful at a time: each stays findable until its new entry takes the old one's place. */
export class FullTextRebuild {
  constructor(
    private readonly database: Database,
    private readonly fullText: FullTextIndex,
  ) {}

  async run({ signal, report }: Pick<JobContext, 'signal' | 'report'>): Promise<{ passages: number }> {
    const { database } = this;
    const total = await database.read.count(ChunkEntity);
    let done = 0;
    for (let after = 0; ;) {
      signal.throwIfAborted();
      const taken = await database.write(async (tx) => {
        // Read once nobody else can write: whoever removes a passage begins with its full text, and it does not come back.
        await this.fullText.lock(tx);
        const chunks = await tx.find(ChunkEntity, { where: { id: MoreThan(after) }, order: { id: 'ASC' }, take: chunksAtOnce });
        const documents = await tx.find(DocumentEntity, { where: { id: In([...new Set(chunks.map(({ documentId }) => documentId))]), deletedAt: IsNull() } });
        const titles = new Map(documents.map(({ id, title }) => [id, title]));
        const kept = chunks.filter(({ documentId }) => titles.has(documentId));
        await this.fullText.remove(
          tx,
          kept.map(({ id }) => id),
        );
        await this.fullText.index(
          tx,
          kept.map(({ id, documentId, revision, chunking, headingPath, text }) => {
            const { terms, packedTerms: packed, termCount: length, words } = fullTextOf(titles.get(documentId)!, headingPath, text);
            return { chunkId: id, documentId, revision, chunking, terms, packed, length, words };
          }),
        );
        return chunks;
      });
      if (taken.length === 0) break;
      after = taken.at(-1)!.id;
      done += taken.length;
      report({ stage: 'FULL_TEXT', progress: Math.min(0.98, done / Math.max(1, total)), message: outOf(done, total, { en: 'passages', ja: 'チャンク' }) });
      await nextTurn();
    }
    await this.fullText.recount();
    return { passages: done };
  }
}
