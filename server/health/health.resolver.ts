import { Arg, Field, FieldResolver, Float, ObjectType, Query, registerEnumType, Resolver, Root, Subscription } from 'type-graphql';
import { subscribeTo } from '../access/index.js';
import { DateTime, Language } from '../platform/http/graphql-types.js';
import { say } from '../platform/saying.js';
import { type ComponentHealth, type HealthService, type SystemHealth } from './health.service.js';
import { summarize } from './summary.js';

export enum HealthStatusType {
  HEALTHY = 'HEALTHY',
  DEGRADED = 'DEGRADED',
  UNHEALTHY = 'UNHEALTHY',
}
registerEnumType(HealthStatusType, { name: 'HealthStatus', description: 'DEGRADED: works with a part of it missing. UNHEALTHY: does not work.' });

const inEnglish = { defaultValue: Language.EN, nullable: true };

@ObjectType('ComponentHealth', { simpleResolvers: true })
export class ComponentHealthType {
  @Field(() => String, { description: 'database, vector_db, cache, embedding_model, …' })
  name!: string;

  @Field(() => HealthStatusType)
  status!: string;

  @Field(() => Float, { description: 'How long the check took, milliseconds.' })
  latencyMs!: number;

  @Field(() => DateTime, { description: 'Since when the status has been what it is.' })
  since!: Date;
}

/** A part's own words come in the language that is asked for. */
@Resolver(() => ComponentHealthType)
export class ComponentHealthResolver {
  @FieldResolver(() => String, { nullable: true, description: 'What is amiss, or what there is to tell.' })
  message(@Root() { message }: ComponentHealth, @Arg('language', () => Language, inEnglish) language: Language | null): string | null {
    return message && say(message, language ?? Language.EN);
  }

  @FieldResolver(() => String, { nullable: true, description: 'What to do about it.' })
  remedy(@Root() { remedy }: ComponentHealth, @Arg('language', () => Language, inEnglish) language: Language | null): string | null {
    return remedy && say(remedy, language ?? Language.EN);
  }
}

@ObjectType('SystemHealth', { simpleResolvers: true })
export class SystemHealthType {
  @Field(() => HealthStatusType)
  status!: string;

  @Field(() => DateTime)
  checkedAt!: Date;

  @Field(() => [ComponentHealthType])
  components!: ComponentHealthType[];
}

/** What the sentence about the system is made of, beside its health. */
export interface SummaryFacts {
  documents: () => Promise<number>;
  /** How many alerts are open. */
  alerts: () => number;
  /** When a restore was last proven; null where none was. */
  lastProven: () => Promise<Date | null>;
  timeZone: string;
}

@Resolver(() => SystemHealthType)
export class HealthResolver {
  constructor(
    private readonly service: HealthService,
    private readonly facts: SummaryFacts,
  ) {}

  @FieldResolver(() => String, { description: 'How the system is, in a sentence, or one for each part that is not well.' })
  async summary(@Root() health: SystemHealth, @Arg('language', () => Language, inEnglish) language: Language | null): Promise<string> {
    const { documents, alerts, lastProven, timeZone } = this.facts;
    const [count, proven] = await Promise.all([documents().catch(() => 0), lastProven().catch(() => null)]);
    return summarize(health, { documents: count, alerts: alerts(), provenAgoMs: proven && Date.now() - proven.getTime(), timeZone }, language ?? Language.EN);
  }

  @Query(() => SystemHealthType, { description: 'Every part is asked now.' })
  health(): Promise<SystemHealth> {
    return this.service.check();
  }

  @Subscription(() => SystemHealthType, {
    subscribe: subscribeTo((_args: object, { subscriptions }) => subscriptions.healthChanged()),
    description: 'Health now, and whenever a part changes.',
  })
  healthChanged(@Root() health: SystemHealth): SystemHealth {
    return health;
  }
}
