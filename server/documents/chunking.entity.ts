import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The number of the chunking that every library begins with. */
export const firstChunking = 1;

/** A way of cutting documents into passages. What is cut in different ways stands beside one another; one of them answers. */
@Entity('chunkings')
export class ChunkingEntity {
  @PrimaryColumn({ type: 'integer' })
  number!: number;

  /** Longest passage in model tokens, title and headings included. */
  @Column({ type: 'integer', name: 'max_tokens' })
  maxTokens!: number;

  /** Share of a passage repeated at the start of the next. */
  @Column({ type: 'double precision' })
  overlap!: number;

  /** Model tokens of a piece that gets a vector of its own; 0 for none. */
  @Column({ type: 'integer', name: 'piece_tokens' })
  pieceTokens!: number;
}

/** Passages of a document under a chunking that does not answer: they are being made, wait for a yes, or are kept for going back. */
@Entity('document_chunkings')
export class DocumentChunkingEntity {
  @PrimaryColumn({ type: 'varchar', length: 36, name: 'document_id' })
  documentId!: string;

  @Index('document_chunkings_chunking')
  @PrimaryColumn({ type: 'integer' })
  chunking!: number;

  /** Revision that the passages have. */
  @Column({ type: 'integer' })
  revision!: number;

  /** Revision that answered when they were cut, or after they did: where another one answers by now, they are of no use. */
  @Column({ type: 'integer', name: 'source_revision' })
  sourceRevision!: number;

  @Column({ type: 'integer', name: 'chunk_count' })
  chunkCount!: number;
}
