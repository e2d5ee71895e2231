import { Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { type RequestContext } from '../access/index.js';
import { DocumentType, type DocumentWithTags, ingestKind } from '../documents/index.js';
import { JobType, jobView } from '../jobs/index.js';
import { type JobQueue } from '../platform/queue/index.js';

/** What ingestion adds to a document. */
@Resolver(() => DocumentType)
export class DocumentJobResolver {
  constructor(private readonly jobs: JobQueue) {}

  @FieldResolver(() => JobType, { nullable: true, description: 'The job that is taking it in, for cancelling; null where it is READY or FAILED.' })
  async job(@Root() document: DocumentWithTags): Promise<JobType | null> {
    if (document.status === 'READY' || document.status === 'FAILED') return null;
    const job = await this.jobs.unfinishedFor(document.id);
    return job && jobView(job);
  }
}

/** What ingestion adds to a job. */
@Resolver(() => JobType)
export class JobDocumentResolver {
  @FieldResolver(() => DocumentType, { nullable: true, description: 'The document that a job of kind INGEST takes in; null where it is gone.' })
  document(@Root() { kind, subjectId }: JobType, @Ctx() { documentLoader }: RequestContext): Promise<DocumentWithTags | null> {
    return kind === ingestKind && subjectId ? documentLoader.load(subjectId) : Promise.resolve(null);
  }
}
