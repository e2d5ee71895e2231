import { Arg, Field, Float, Int, Mutation, ObjectType, Query, registerEnumType, Resolver } from 'type-graphql';
import { type Chunkings } from '../documents/index.js';
import { JobType, jobView } from '../jobs/index.js';
import { DateTime } from '../platform/http/graphql-types.js';
import { type Generations } from './generations.js';
import { type Reembedding } from './reembed.js';

export enum IndexGenerationStatus {
  BUILDING = 'BUILDING',
  CANDIDATE = 'CANDIDATE',
  ACTIVE = 'ACTIVE',
  RETIRED = 'RETIRED',
  REMOVED = 'REMOVED',
}
registerEnumType(IndexGenerationStatus, {
  name: 'IndexGenerationStatus',
  description: 'BUILDING: being filled; CANDIDATE: whole, waiting for a yes; ACTIVE: answers; RETIRED: kept for switching back; REMOVED: its vectors are gone.',
});

@ObjectType({ simpleResolvers: true })
export class IndexScores {
  @Field(() => Float, { description: 'nDCG@10, 0..1.' })
  ndcg!: number;

  @Field(() => Float, { description: 'Recall@10, 0..1.' })
  recall!: number;

  @Field(() => Float, { description: 'Mean reciprocal rank, 0..1.' })
  mrr!: number;
}

@ObjectType({ simpleResolvers: true })
export class IndexComparison {
  @Field(() => Int, { description: 'Golden queries both were asked.' })
  queries!: number;

  @Field(() => IndexScores, { description: 'Of the generation that answered then.' })
  active!: IndexScores;

  @Field(() => IndexScores)
  candidate!: IndexScores;
}

@ObjectType('Chunking', { simpleResolvers: true, description: 'A way of cutting documents into passages.' })
export class ChunkingType {
  @Field(() => Int, { description: 'Longest passage in model tokens, title and headings included.' })
  maxTokens!: number;

  @Field(() => Float, { description: 'Share of a passage repeated at the start of the next, 0..0.5.' })
  overlap!: number;

  @Field(() => Int, { description: 'Model tokens of a piece of a passage that has a vector of its own; 0 for none.' })
  pieceTokens!: number;
}

@ObjectType({ simpleResolvers: true })
export class IndexGeneration {
  @Field(() => Int)
  number!: number;

  @Field(() => String, { description: 'Embedding model of its vectors.' })
  model!: string;

  @Field(() => ChunkingType, { nullable: true, description: 'How its passages are cut; null where they are gone.' })
  chunking!: ChunkingType | null;

  @Field(() => IndexGenerationStatus)
  status!: string;

  @Field(() => DateTime)
  createdAt!: Date;

  @Field(() => DateTime, { nullable: true, description: 'When it last began to answer.' })
  activatedAt!: Date | null;

  @Field(() => IndexComparison, {
    nullable: true,
    description: 'Null until it was compared, for one that a rebuild made, and where there was no golden query to compare by.',
  })
  comparison!: IndexComparison | null;
}

@Resolver()
export class IndexResolver {
  constructor(
    private readonly generations: Generations,
    private readonly chunkings: Chunkings,
    private readonly reembedding: Reembedding,
  ) {}

  @Query(() => [IndexGeneration], { description: 'Generations of the vector index, newest first.' })
  async indexGenerations(): Promise<IndexGeneration[]> {
    const [generations, chunkings] = await Promise.all([this.generations.list(), this.chunkings.list()]);
    const limits = new Map(chunkings.map((chunking) => [chunking.number, chunking]));
    return generations.map((generation) => ({ ...generation, chunking: limits.get(generation.chunking) ?? null }));
  }

  @Mutation(() => JobType, {
    description: 'Lets a generation answer, once it has the passages that came since it was made. Errors: NOT_FOUND, CONFLICT where it answers already.',
  })
  async switchIndex(@Arg('generation', () => Int) generation: number): Promise<JobType> {
    return jobView(await this.reembedding.switchTo(generation));
  }

  @Mutation(() => Boolean, {
    description:
      'Removes the vectors of a generation that does not answer. What the settings ask for is not built again then, until they have asked for something else. Errors: NOT_FOUND, CONFLICT.',
  })
  async discardIndex(@Arg('generation', () => Int) generation: number): Promise<boolean> {
    await this.generations.decline(generation);
    return true;
  }
}
