import GraphQLUpload from 'graphql-upload/GraphQLUpload.mjs';
import { Arg, Ctx, FieldResolver, ID, Mutation, Resolver, Root, Subscription } from 'type-graphql';
import { type RateLimits, type RequestContext, subscribeTo } from '../access/index.js';
import { cleanTags, type DocumentStore, DocumentType, type DocumentWithTags } from '../documents/index.js';
import { JobType, jobView } from '../jobs/index.js';
import { badInput } from '../platform/errors.js';
import { type JobQueue } from '../platform/queue/index.js';
import { ReadingRefused, type WebFetcher } from '../sources/index.js';
import { toldOf } from './failure.js';
import { type IngestionProgress } from './ingestion-events.js';
import { IngestionEventType, UploadResultType } from './ingestion.type.js';
import { type Removal } from './removal.js';
import { type IncomingFile, type Uploads } from './uploads.js';

const mostIds = 1000;
export const reprocessKind = 'REPROCESS';

interface IngestionResolverParts {
  uploads: Uploads;
  store: DocumentStore;
  removal: Removal;
  fetcher: WebFetcher;
  jobs: JobQueue;
  limits: RateLimits;
}

@Resolver(() => IngestionEventType)
export class IngestionResolver {
  constructor(private readonly parts: IngestionResolverParts) {}

  @Mutation(() => [UploadResultType], {
    description:
      'Takes files in (GraphQL multipart request specification). Every accepted file is a job; a refused one has an error and leaves nothing behind. Errors: UNAVAILABLE when the disk is nearly full.',
  })
  async uploadDocuments(
    @Ctx() context: RequestContext,
    @Arg('files', () => [GraphQLUpload]) files: Promise<IncomingFile>[],
    @Arg('tags', () => [String], { nullable: true }) tags: string[] | null,
    @Arg('batchId', () => ID, { nullable: true }) batchId: string | null,
  ): Promise<UploadResultType[]> {
    await this.parts.limits.action('upload', context.viewer?.id ?? context.clientAddress);
    if (files.length === 0)
      throw badInput({ en: 'No file was sent.', ja: 'ファイルが送られていません。' }, { en: 'Send at least one.', ja: '1 つ以上送ってください。' });
    if (batchId && batchId.length > 64) throw badInput('batchId can have 64 characters.');
    const outcomes = await this.parts.uploads.receive(files, cleanTags(tags), batchId);
    return outcomes.map((outcome) => ({ ...outcome, job: outcome.job && jobView(outcome.job) }));
  }

  @Mutation(() => JobType, {
    description:
      'Fetches a web page and takes its main text in; a page known already is fetched again and its text replaced. Errors: BAD_USER_INPUT for what is not a web address.',
  })
  async addUrl(
    @Ctx() context: RequestContext,
    @Arg('url', () => String) url: string,
    @Arg('tags', () => [String], { nullable: true }) tags: string[] | null,
  ): Promise<JobType> {
    await this.parts.limits.action('upload', context.viewer?.id ?? context.clientAddress);
    const accepted = await this.parts.store.acceptUrl(this.#canonical(url), { tags: cleanTags(tags), batchId: null });
    const job = accepted.job ?? (await this.parts.jobs.unfinishedFor(accepted.document.id));
    if (!job)
      throw badInput(
        { en: 'This page is being fetched already.', ja: 'このページはすでに取得中です。' },
        { en: 'Wait for it to be read.', ja: '読み終わるまでお待ちください。' },
      );
    return jobView(job);
  }

  #canonical(url: string): string {
    try {
      return this.parts.fetcher.guard.canonical(url).href;
    } catch (error) {
      if (error instanceof ReadingRefused) throw badInput(toldOf({ code: error.code, message: error.message }), error.remedy);
      throw error;
    }
  }

  @Mutation(() => JobType, { description: 'Deletes documents: at once from lists and search, then their vectors, rows and originals.' })
  async deleteDocuments(@Arg('ids', () => [ID]) ids: string[]): Promise<JobType> {
    return jobView(await this.parts.removal.deleteDocuments(checkIds(ids)));
  }

  @Mutation(() => JobType, {
    description: 'Reads documents again from their originals; what they say so far answers until that is done. The job answered ends when all are queued.',
  })
  async reprocessDocuments(@Arg('ids', () => [ID]) ids: string[]): Promise<JobType> {
    return jobView(await this.parts.jobs.enqueue({ kind: reprocessKind, payload: { documentIds: checkIds(ids) } }));
  }

  @Subscription(() => IngestionEventType, {
    subscribe: subscribeTo((args: { documentId?: string | null }, { subscriptions }) => subscriptions.ingestionProgress(args.documentId ?? null)),
    description: 'Progress of one document, or of all.',
  })
  ingestionProgress(@Root() event: IngestionProgress, @Arg('documentId', () => ID, { nullable: true }) _documentId: string | null): IngestionProgress {
    return event;
  }

  @FieldResolver(() => DocumentType, { nullable: true })
  document(@Root() event: IngestionProgress, @Ctx() context: RequestContext): Promise<DocumentWithTags | null> {
    // The loader outlives the event in a subscription: what it remembers of a document is older than the event.
    return context.documentLoader.clear(event.documentId).load(event.documentId);
  }
}

function checkIds(ids: string[]): string[] {
  if (ids.length === 0)
    throw badInput({ en: 'No document was named.', ja: '文書が指定されていません。' }, { en: 'Name at least one.', ja: '1 つ以上指定してください。' });
  if (ids.length > mostIds)
    throw badInput(
      { en: `At most ${mostIds} documents can be named at once, not ${ids.length}.`, ja: `一度に指定できる文書は ${mostIds} 件までです（${ids.length} 件）。` },
      { en: 'Send several requests.', ja: '数回に分けてください。' },
    );
  return [...new Set(ids)];
}
