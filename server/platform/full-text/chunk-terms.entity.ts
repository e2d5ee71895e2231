import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { blobColumn } from '../database/index.js';

/** Term counts of a chunk, see `packTerms`. */
@Entity('chunk_terms')
export class ChunkTermsEntity {
  @PrimaryColumn({ type: 'integer', name: 'chunk_id' })
  chunkId!: number;

  @Index('chunk_terms_document')
  @Column({ type: 'varchar', length: 36, name: 'document_id' })
  documentId!: string;

  @Column({ type: 'integer' })
  revision!: number;

  /** Way of cutting that the chunk comes from. */
  @Column({ type: 'integer' })
  chunking!: number;

  /** Number of terms, repeats included. */
  @Column({ type: 'integer' })
  length!: number;

  @Column(blobColumn())
  terms!: Buffer;

  /** Where the words of the text lie, see `packWordParts`; null for a very long text, and for one indexed before these were kept. */
  @Column(blobColumn({ nullable: true }))
  words!: Buffer | null;
}
