import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { blobColumn, dateColumn, jsonColumn } from '../platform/database/index.js';

/** A passage of a document: the unit that is embedded and found. */
@Entity('chunks')
@Index('chunks_document', ['documentId', 'revision', 'ordinal'], { unique: true })
export class ChunkEntity {
  /** Taken from a counter and never used again, so that a late answer of the vector index cannot mean another chunk. */
  @PrimaryColumn({ type: 'integer' })
  id!: number;

  @Column({ type: 'varchar', length: 36, name: 'document_id' })
  documentId!: string;

  @Column({ type: 'integer' })
  revision!: number;

  /** Number of the way it was cut. */
  @Column({ type: 'integer' })
  chunking!: number;

  @Column({ type: 'integer' })
  ordinal!: number;

  @Column(jsonColumn({ name: 'heading_path' }))
  headingPath!: string[];

  @Column({ type: 'integer', name: 'page_from', nullable: true })
  pageFrom!: number | null;

  @Column({ type: 'integer', name: 'page_to', nullable: true })
  pageTo!: number | null;

  @Column({ type: 'integer', name: 'char_start' })
  charStart!: number;

  @Column({ type: 'integer', name: 'char_end' })
  charEnd!: number;

  @Column({ type: 'integer', name: 'token_count' })
  tokenCount!: number;

  /** When its vector was acknowledged by the vector index. */
  @Column(dateColumn({ name: 'indexed_at', nullable: true }))
  indexedAt!: Date | null;

  /** Ranges of the text that get vectors of their own, UTF-16 code units; empty where the chunk is one piece. */
  @Column(jsonColumn())
  pieces!: [number, number][];

  @Column({ type: 'text' })
  text!: string;
}

/** A chunk's vector under one model: 32-bit floats, little endian. Apart from the text, which searches read without it. */
@Entity('chunk_vectors')
@Index('chunk_vectors_model', ['model', 'chunkId'])
export class ChunkVectorEntity {
  @PrimaryColumn({ type: 'integer', name: 'chunk_id' })
  chunkId!: number;

  @PrimaryColumn({ type: 'varchar', length: 200 })
  model!: string;

  @Column(blobColumn())
  vector!: Buffer;

  /** Packed vectors of the chunk's pieces; null until they are made, or where the chunk is one piece. */
  @Column(blobColumn({ nullable: true }))
  pieces!: Buffer | null;
}

export function vectorToBytes(vector: Float32Array): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}

export function vectorFromBytes(bytes: Uint8Array): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}
