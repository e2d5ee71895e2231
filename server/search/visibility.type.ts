import { Field, Int, ObjectType, registerEnumType } from 'type-graphql';
import { VisibilityRepair, VisibilityStep } from './visibility.js';

registerEnumType(VisibilityStep, {
  name: 'VisibilityStep',
  description:
    'RECORD in the database; STATE that lets it answer; ORIGINAL kept; TEXT extracted; CHUNKS cut; FULL_TEXT; VECTORS stored; VECTOR_INDEX holding them; FILTERS passed; RANKING among the first ten.',
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
}

@ObjectType('Visibility', { simpleResolvers: true })
export class VisibilityType {
  @Field(() => [VisibilityStepType])
  steps!: VisibilityStepType[];

  @Field(() => VisibilityStep, { nullable: true, description: 'The first step that is not passed.' })
  lostAt!: VisibilityStep | null;

  @Field(() => VisibilityRepair, { nullable: true })
  repair!: VisibilityRepair | null;

  @Field(() => Int, { nullable: true, description: 'Rank of the document for the query, from 1; null where it is not a candidate.' })
  rank!: number | null;
}
