import { Field, Float, ID, Int, ObjectType, registerEnumType } from 'type-graphql';
import { DocumentErrorType, DocumentType } from '../documents/index.js';
import { JobType } from '../jobs/index.js';

@ObjectType('UploadResult', { simpleResolvers: true, description: 'What became of one uploaded file.' })
export class UploadResultType {
  @Field(() => String)
  fileName!: string;

  @Field(() => JobType, { nullable: true, description: 'The job that takes the document in; null for a duplicate or a refused file.' })
  job!: JobType | null;

  @Field(() => DocumentType, { nullable: true, description: 'The new document.' })
  document!: object | null;

  @Field(() => DocumentType, { nullable: true, description: 'The document that has the same bytes already.' })
  duplicateOf!: object | null;

  @Field(() => DocumentErrorType, { nullable: true, description: 'Why the file was refused; nothing of it is kept.' })
  error!: DocumentErrorType | null;
}

export enum IngestionStageType {
  FETCHING = 'FETCHING',
  EXTRACTING = 'EXTRACTING',
  CHUNKING = 'CHUNKING',
  EMBEDDING = 'EMBEDDING',
  INDEXING = 'INDEXING',
  READY = 'READY',
  FAILED = 'FAILED',
}
registerEnumType(IngestionStageType, { name: 'IngestionStage' });

@ObjectType('IngestionEvent', { simpleResolvers: true, description: "A step on a document's way to being found." })
export class IngestionEventType {
  @Field(() => ID)
  documentId!: string;

  @Field(() => ID)
  jobId!: string;

  @Field(() => ID, { nullable: true })
  batchId!: string | null;

  @Field(() => IngestionStageType)
  stage!: string;

  @Field(() => Int, { description: 'Chunks done in this stage; 0 or 1 where a stage has no parts.' })
  done!: number;

  @Field(() => Int)
  total!: number;

  @Field(() => Float, { description: 'Share of the whole work, 0..1.' })
  progress!: number;

  @Field(() => Float, { nullable: true })
  chunksPerSecond!: number | null;

  @Field(() => Float, { nullable: true, description: 'Milliseconds, estimated from the rate so far.' })
  estimatedMsLeft!: number | null;
}
