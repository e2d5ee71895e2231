import { Field, Float, ID, InputType, Int, ObjectType, registerEnumType } from 'type-graphql';
import { connectionOf, DateTime } from '../platform/http/graphql-types.js';

export enum DocumentStatus {
  QUEUED = 'QUEUED',
  EXTRACTING = 'EXTRACTING',
  CHUNKING = 'CHUNKING',
  EMBEDDING = 'EMBEDDING',
  INDEXING = 'INDEXING',
  READY = 'READY',
  FAILED = 'FAILED',
}
registerEnumType(DocumentStatus, { name: 'DocumentStatus', description: 'Where a document stands on its way to being found.' });

export enum SourceType {
  FILE = 'FILE',
  WEB = 'WEB',
  FEED = 'FEED',
  FOLDER = 'FOLDER',
}
registerEnumType(SourceType, { name: 'SourceType', description: 'How a document came in.' });

export enum DocumentOrderField {
  CREATED_AT = 'CREATED_AT',
  TITLE = 'TITLE',
  SIZE = 'SIZE',
  STATUS = 'STATUS',
}
registerEnumType(DocumentOrderField, { name: 'DocumentOrderField' });

export enum OrderDirection {
  ASC = 'ASC',
  DESC = 'DESC',
}
registerEnumType(OrderDirection, { name: 'OrderDirection' });

@ObjectType('DocumentError', { simpleResolvers: true, description: 'Why a document could not be taken in.' })
export class DocumentErrorType {
  @Field(() => String, {
    description:
      'EMPTY_FILE, PAYLOAD_TOO_LARGE, UNSUPPORTED_FORMAT, ENCRYPTED, CORRUPT, NO_TEXT, ARCHIVE_BOMB, TIMEOUT, CANCELLED, FETCH_REFUSED, FETCH_FAILED, …',
  })
  code!: string;

  @Field(() => String)
  message!: string;

  @Field(() => String, { nullable: true, description: 'What to do about it.' })
  remedy!: string | null;

  @Field(() => String, { nullable: true, description: 'The stage it happened in.' })
  stage!: string | null;
}

@ObjectType('Chunk', { simpleResolvers: true, description: 'A passage of a document: the unit that is embedded and found.' })
export class ChunkType {
  @Field(() => ID)
  id!: string;

  @Field(() => Int, { description: 'Position in the document, from 0.' })
  ordinal!: number;

  @Field(() => String, { description: 'document.text.slice(charStart, charEnd)' })
  text!: string;

  @Field(() => [String], { description: 'Headings above the passage, outermost first.' })
  headingPath!: string[];

  @Field(() => Int, { nullable: true, description: 'First page, from 1; null where the format has no pages.' })
  pageFrom!: number | null;

  @Field(() => Int, { nullable: true })
  pageTo!: number | null;

  @Field(() => Int, { description: 'UTF-16 code units into Document.text.' })
  charStart!: number;

  @Field(() => Int)
  charEnd!: number;

  @Field(() => Int, { description: 'Length in tokens of the embedding model, without title and headings (CHUNK_MAX_TOKENS is with them).' })
  tokenCount!: number;
}

export const ChunkConnection = connectionOf('Chunk', ChunkType);

@ObjectType('Document', { simpleResolvers: true })
export class DocumentType {
  @Field(() => ID)
  id!: string;

  @Field(() => String)
  title!: string;

  @Field(() => String, { nullable: true, description: 'Name of the uploaded file, without folders.' })
  fileName!: string | null;

  @Field(() => SourceType)
  sourceType!: string;

  @Field(() => String)
  mimeType!: string;

  @Field(() => String, { nullable: true, description: 'ISO 639-1, found by reading.' })
  language!: string | null;

  @Field(() => Float, { description: 'Size of the original, bytes.' })
  sizeBytes!: number;

  @Field(() => Int, { nullable: true })
  pageCount!: number | null;

  @Field(() => DocumentStatus)
  status!: string;

  @Field(() => DocumentErrorType, { nullable: true })
  error!: DocumentErrorType | null;

  @Field(() => Int)
  chunkCount!: number;

  @Field(() => [String])
  tags!: string[];

  @Field(() => [String], { description: 'Other names the same bytes arrived under.' })
  aliases!: string[];

  @Field(() => String, { nullable: true })
  url!: string | null;

  @Field(() => String, { nullable: true })
  author!: string | null;

  @Field(() => DateTime, { nullable: true })
  publishedAt!: Date | null;

  @Field(() => DateTime)
  createdAt!: Date;

  @Field(() => DateTime)
  updatedAt!: Date;

  @Field(() => String, { nullable: true, description: 'How the text of a web page was taken: "readability" (main text) or "body" (everything).' })
  extraction!: string | null;
}

export const DocumentConnection = connectionOf('Document', DocumentType);

@InputType({ description: 'Any within a field, all across fields.' })
export class DocumentFilter {
  @Field(() => [DocumentStatus], { nullable: true })
  statuses?: DocumentStatus[] | null;

  @Field(() => [String], { nullable: true })
  tags?: string[] | null;

  @Field(() => [SourceType], { nullable: true })
  sourceTypes?: SourceType[] | null;

  @Field(() => [String], { nullable: true })
  languages?: string[] | null;

  @Field(() => [String], { nullable: true })
  mimeTypes?: string[] | null;

  @Field(() => String, { nullable: true, description: 'Part of the title or file name, in either case.' })
  text?: string | null;

  @Field(() => ID, { nullable: true })
  batchId?: string | null;
}

@InputType()
export class DocumentOrder {
  @Field(() => DocumentOrderField)
  field!: DocumentOrderField;

  @Field(() => OrderDirection, { defaultValue: OrderDirection.DESC })
  direction!: OrderDirection;
}

@InputType({ description: 'What is left out stays as it is.' })
export class DocumentUpdate {
  @Field(() => String, { nullable: true })
  title?: string | null;

  @Field(() => [String], { nullable: true, description: 'Replaces all tags.' })
  tags?: string[] | null;
}

@ObjectType({ simpleResolvers: true })
export class LibraryFacet {
  @Field(() => String)
  value!: string;

  @Field(() => Int)
  count!: number;
}

@ObjectType({ simpleResolvers: true, description: 'What the library holds, for choosing filters.' })
export class LibraryFacets {
  @Field(() => Int)
  documents!: number;

  @Field(() => [LibraryFacet])
  tags!: LibraryFacet[];

  @Field(() => [LibraryFacet])
  languages!: LibraryFacet[];

  @Field(() => [LibraryFacet])
  mimeTypes!: LibraryFacet[];

  @Field(() => [LibraryFacet])
  sourceTypes!: LibraryFacet[];

  @Field(() => [LibraryFacet])
  statuses!: LibraryFacet[];
}
