import { Arg, Ctx, Field, FieldResolver, Float, ID, Int, Mutation, ObjectType, Query, registerEnumType, Resolver, Root } from 'type-graphql';
import { type RequestContext } from '../access/index.js';
import { DocumentType, type DocumentWithTags } from '../documents/index.js';
import { JobType, jobView } from '../jobs/index.js';
import { badInput } from '../platform/errors.js';
import { type Connection, connectionOf, DateTime, Language } from '../platform/http/graphql-types.js';
import { say, type Saying } from '../platform/saying.js';
import { type GoldenQueryEntity, type GoldenRunEntity } from './golden.entity.js';
import { type GoldenService, type ImportOutcome } from './golden.service.js';
import { readCsv, readJsonLines } from './import.js';

enum GoldenFormat {
  CSV = 'CSV',
  JSONL = 'JSONL',
}
registerEnumType(GoldenFormat, { name: 'GoldenFormat', description: 'CSV with the columns query and expected (divided by |), or one JSON object a line.' });

const largestImport = 1024 * 1024;

@ObjectType('GoldenQuery', { description: 'A question with the documents that answer it: what the live index is scored by.' })
export class GoldenQueryType {
  @Field(() => ID)
  id!: string;

  @Field(() => String)
  query!: string;

  @Field(() => DateTime)
  createdAt!: Date;

  @Field(() => Int, {
    nullable: true,
    description: 'Rank of the first expected document in the newest run; null where it was not among the first ten, or before the first run.',
  })
  lastRank!: number | null;
}

@ObjectType('GoldenRun', {
  simpleResolvers: true,
  description: 'Scores of one run over all golden queries of which an expected document is in the library, each 0..1.',
})
export class GoldenRunType {
  @Field(() => ID)
  id!: string;

  @Field(() => DateTime)
  at!: Date;

  @Field(() => String)
  model!: string;

  @Field(() => Int)
  queries!: number;

  @Field(() => Float, { description: 'Mean nDCG@10.' })
  ndcg!: number;

  @Field(() => Float, { description: 'Mean recall@10.' })
  recall!: number;

  @Field(() => Float, { description: 'Mean reciprocal rank.' })
  mrr!: number;

  @Field(() => Float, { description: 'Mean nDCG@10 of what the vector index alone answers.' })
  vectorNdcg!: number;

  /** Told in the language that is asked for. */
  alert!: Saying | null;
}

@Resolver(() => GoldenRunType)
export class GoldenRunResolver {
  @FieldResolver(() => String, {
    nullable: true,
    description: 'What fell by more than GOLDEN_ALERT_DROP, over the questions that earlier runs without an alert have scored; in words.',
  })
  alert(
    @Root() { alert }: GoldenRunType,
    @Arg('language', () => Language, { defaultValue: Language.EN, nullable: true }) language: Language | null,
  ): string | null {
    return alert && say(alert, language ?? Language.EN);
  }
}

@ObjectType('GoldenImport', { simpleResolvers: true })
export class GoldenImportType {
  @Field(() => Int, { description: 'Questions that are new, or have further documents.' })
  added!: number;

  @Field(() => Int, { description: 'Questions that were kept already, with the same documents.' })
  unchanged!: number;

  /** Told in the language that is asked for. */
  problems!: Saying[];
}

@Resolver(() => GoldenImportType)
export class GoldenImportResolver {
  @FieldResolver(() => [String], { description: 'Lines that could not be taken, and why.' })
  problems(
    @Root() { problems }: GoldenImportType,
    @Arg('language', () => Language, { defaultValue: Language.EN, nullable: true }) language: Language | null,
  ): string[] {
    return problems.map((problem) => say(problem, language ?? Language.EN));
  }
}

const GoldenQueryConnection = connectionOf('GoldenQuery', GoldenQueryType);

@Resolver(() => GoldenQueryType)
export class GoldenResolver {
  constructor(private readonly service: GoldenService) {}

  @Query(() => GoldenQueryConnection, { description: 'Newest first.' })
  goldenQueries(
    @Arg('first', () => Int, { defaultValue: 20, nullable: true }) first: number | null,
    @Arg('after', () => String, { nullable: true }) after: string | null,
  ): Promise<Connection<GoldenQueryEntity>> {
    return this.service.list(first ?? 20, after);
  }

  @Query(() => [GoldenRunType], { description: 'Newest first.' })
  goldenRuns(@Arg('first', () => Int, { defaultValue: 30, nullable: true }) first: number | null): Promise<GoldenRunEntity[]> {
    return this.service.runs(first ?? 30);
  }

  @FieldResolver(() => [DocumentType], { description: 'Expected documents that are still in the library.' })
  async expected(@Root() golden: GoldenQueryEntity, @Ctx() context: RequestContext): Promise<DocumentWithTags[]> {
    const documents = await context.documentLoader.loadMany(golden.documentIds);
    return documents.filter((document): document is DocumentWithTags => document !== null && !(document instanceof Error));
  }

  @Mutation(() => GoldenQueryType, {
    description: 'Keeps a question; one that is kept already gets the documents in addition. Errors: NOT_FOUND, BAD_USER_INPUT.',
  })
  addGoldenQuery(@Arg('query', () => String) query: string, @Arg('documentIds', () => [ID]) documentIds: string[]): Promise<GoldenQueryEntity> {
    return this.service.add(query, documentIds);
  }

  @Mutation(() => Int, { description: 'Answers how many were removed.' })
  deleteGoldenQueries(@Arg('ids', () => [ID]) ids: string[]): Promise<number> {
    return this.service.remove(ids);
  }

  @Mutation(() => GoldenImportType, {
    description: 'Documents are named by id, file name, address or title. Errors: BAD_USER_INPUT where the file cannot be read.',
  })
  importGoldenQueries(@Arg('format', () => GoldenFormat) format: GoldenFormat, @Arg('content', () => String) content: string): Promise<ImportOutcome> {
    if (content.length > largestImport)
      throw badInput({ en: 'The file is larger than 1 MB.', ja: 'ファイルが 1 MB を超えています。' }, { en: 'Split it.', ja: '分割してください。' });
    return this.service.import(format === GoldenFormat.CSV ? readCsv(content) : readJsonLines(content));
  }

  @Mutation(() => JobType, { description: 'Scores the live index by all golden queries.' })
  async scoreGoldenQueries(): Promise<JobType> {
    return jobView(await this.service.score());
  }

  @Mutation(() => GoldenRunType, {
    description: 'What the newest run scored is as it should be: its alert ends, and the next run is compared with it. Errors: CONFLICT before the first run.',
  })
  acceptGoldenScores(): Promise<GoldenRunEntity> {
    return this.service.accept();
  }
}
