import { type EntityManager, type SelectQueryBuilder } from 'typeorm';
import { ChunkEntity, DocumentChunkingEntity, DocumentEntity } from '../documents/index.js';

/** Chunks of a chunking that does not answer, cut from what answers: `chunk`, with their `document`. */
export function passagesBeside(manager: EntityManager, chunking: number): SelectQueryBuilder<ChunkEntity> {
  return manager
    .createQueryBuilder(ChunkEntity, 'chunk')
    .innerJoin(DocumentChunkingEntity, 'cut', 'cut.documentId = chunk.documentId AND cut.chunking = chunk.chunking AND cut.revision = chunk.revision')
    .innerJoin(DocumentEntity, 'document', 'document.id = cut.documentId AND document.revision = cut.sourceRevision AND document.deletedAt IS NULL')
    .where('chunk.chunking = :chunking', { chunking });
}
