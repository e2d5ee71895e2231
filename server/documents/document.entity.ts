import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { dateColumn, jsonColumn, wideIntegerColumn } from '../platform/database/index.js';

export type DocumentState = 'QUEUED' | 'EXTRACTING' | 'CHUNKING' | 'EMBEDDING' | 'INDEXING' | 'READY' | 'FAILED';
export type SourceKind = 'FILE' | 'WEB' | 'FEED' | 'FOLDER';

export interface DocumentFailure {
  code: string;
  message: string;
  remedy: string | null;
  stage: string | null;
}

@Entity('documents')
@Index('documents_created', ['createdAt', 'id'])
@Index('documents_status', ['status'])
export class DocumentEntity {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  @Column({ type: 'text' })
  title!: string;

  @Column({ type: 'text', name: 'file_name', nullable: true })
  fileName!: string | null;

  /** Other names the same bytes arrived under. */
  @Column(jsonColumn())
  aliases!: string[];

  @Column({ type: 'varchar', length: 10, name: 'source_type' })
  sourceType!: SourceKind;

  @Column({ type: 'varchar', length: 120, name: 'mime_type' })
  mimeType!: string;

  @Column({ type: 'varchar', length: 10, nullable: true })
  language!: string | null;

  @Column(wideIntegerColumn({ name: 'size_bytes' }))
  sizeBytes!: number;

  @Column({ type: 'integer', name: 'page_count', nullable: true })
  pageCount!: number | null;

  @Column({ type: 'varchar', length: 12 })
  status!: DocumentState;

  @Column(jsonColumn({ nullable: true }))
  error!: DocumentFailure | null;

  /** What makes two documents the same: `sha256:<hash>` of a file, `url:<canonical>` of a page; null while deleting. */
  @Index('documents_live_key', { unique: true })
  @Column({ type: 'text', name: 'live_key', nullable: true })
  liveKey!: string | null;

  /** Hash of the original; null for a page that was never fetched. */
  @Index('documents_sha256')
  @Column({ type: 'varchar', length: 64, nullable: true })
  sha256!: string | null;

  @Column({ type: 'text', nullable: true })
  url!: string | null;

  @Column({ type: 'text', nullable: true })
  author!: string | null;

  @Column(dateColumn({ name: 'published_at', nullable: true }))
  publishedAt!: Date | null;

  @Column(dateColumn({ name: 'created_at' }))
  createdAt!: Date;

  @Column(dateColumn({ name: 'updated_at' }))
  updatedAt!: Date;

  /** publishedAt, else createdAt: what date filters mean. */
  @Index('documents_dated')
  @Column(dateColumn({ name: 'dated_at' }))
  datedAt!: Date;

  /** Set when deletion has begun: the document is gone for everybody but the job that clears it away. */
  @Column(dateColumn({ name: 'deleted_at', nullable: true }))
  deletedAt!: Date | null;

  /** Which set of chunks answers; 0 before there is one. A rebuild writes the next and switches when it is whole. */
  @Column({ type: 'integer', default: 0 })
  revision!: number;

  /** Newest set of chunks begun; every attempt takes the next number, so that clearing one away never meets another. */
  @Column({ type: 'integer', name: 'last_revision', default: 0 })
  lastRevision!: number;

  @Column({ type: 'integer', name: 'chunk_count', default: 0 })
  chunkCount!: number;

  /** How the text was taken, e.g. `readability` or `body` for a web page. */
  @Column({ type: 'varchar', length: 20, nullable: true })
  extraction!: string | null;

  @Index('documents_batch')
  @Column({ type: 'varchar', length: 64, name: 'batch_id', nullable: true })
  batchId!: string | null;

  /** A title an operator has set is kept when the document is read again. */
  @Column({ type: 'boolean', name: 'title_edited', default: false })
  titleEdited!: boolean;
}

@Entity('document_tags')
export class DocumentTagEntity {
  @PrimaryColumn({ type: 'varchar', length: 36, name: 'document_id' })
  documentId!: string;

  @Index('document_tags_tag')
  @PrimaryColumn({ type: 'varchar', length: 100 })
  tag!: string;
}

/** The NFKC text of one reading of a document and its structure. */
@Entity('document_texts')
export class DocumentTextEntity {
  @PrimaryColumn({ type: 'varchar', length: 36, name: 'document_id' })
  documentId!: string;

  @PrimaryColumn({ type: 'integer' })
  revision!: number;

  @Column({ type: 'text' })
  text!: string;

  /** Blocks with offsets, headings and pages, as the chunker takes them. */
  @Column(jsonColumn())
  blocks!: unknown;

  /** Title, author and other facts found while reading; applied when the revision becomes the active one. */
  @Column(jsonColumn())
  facts!: unknown;
}
