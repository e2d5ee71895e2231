import { Field, Float, Int, ObjectType, registerEnumType } from 'type-graphql';
import { VisibilityRepair, VisibilityStep } from './visibility.js';

registerEnumType(VisibilityStep, {
  name: 'VisibilityStep',
  description:
    'RECORD in the database; STATE that lets it answer; ORIGINAL kept; TEXT extracted; CHUNKS cut; FULL_TEXT; VECTORS stored; VECTOR_INDEX holding them; PERMISSION to read it; FILTERS passed; CONSTRAINTS, where the query has any: quoted phrases held, words to leave out not; RANKING among the first ten.',
});
registerEnumType(VisibilityRepair, {
  name: 'VisibilityRepair',
  description: 'REPROCESS: reprocessDocuments mends it. UPLOAD_AGAIN: the original is gone. DROP_FILTERS: nothing is broken.',
});

@ObjectType('VisibilityStepResult', { simpleResolvers: true })
export class VisibilityStepType {
  @Field(() => VisibilityStep)
  step!: VisibilityStep;

  @Field(() => Boolean)
  passed!: boolean;

  @Field(() => String)
  message!: string;

  @Field(() => Int, { nullable: true, description: 'Passages found; for RANKING the rank. Null where nothing is counted.' })
  found!: number | null;

  @Field(() => Int, { nullable: true, description: 'Passages there should be; for RANKING the documents that were ranked.' })
  expected!: number | null;

  @Field(() => [String], { description: 'For CONSTRAINTS: quoted phrases that it lacks and words to leave out that it holds.' })
  words!: string[];
}

@ObjectType('VisibilityScore', { simpleResolvers: true })
export class VisibilityScoreType {
  @Field(() => Float, { description: 'Fused score of its best passage, 0..1.' })
  score!: number;

  @Field(() => Float, { nullable: true, description: 'Cosine similarity, -1..1.' })
  semanticScore!: number | null;

  @Field(() => Float, { nullable: true, description: 'Share of the best possible score by words, 0..1.' })
  lexicalScore!: number | null;

  @Field(() => Float, { description: 'Fused score of the first hit.' })
  firstScore!: number;
}

@ObjectType('Visibility', { simpleResolvers: true })
export class VisibilityType {
  @Field(() => [VisibilityStepType])
  steps!: VisibilityStepType[];

  @Field(() => VisibilityStep, {
    nullable: true,
    description: 'The first step that is not passed; ORIGINAL only where it is the only one, as a document is found without.',
  })
  lostAt!: VisibilityStep | null;

  @Field(() => VisibilityRepair, { nullable: true })
  repair!: VisibilityRepair | null;

  @Field(() => Int, { nullable: true, description: 'Rank of the document for the query, from 1; null where it is not a candidate.' })
  rank!: number | null;

  @Field(() => VisibilityScoreType, { nullable: true, description: 'Null where it is not a candidate.' })
  score!: VisibilityScoreType | null;
}
