import { Ctx, Field, Int, ObjectType, Query, registerEnumType, Resolver } from 'type-graphql';
import { DateTime } from '../platform/http/graphql-types.js';
import { type RequestContext } from './context.js';
import { type RateLimits, type RateLimitState } from './rate-limits.js';

enum RateLimitKindName {
  SEARCH = 'SEARCH',
  UPLOAD = 'UPLOAD',
  API = 'API',
  GLOBAL = 'GLOBAL',
}
registerEnumType(RateLimitKindName, {
  name: 'RateLimitKind',
  description: 'Searches and uploads of a user, requests from an address, requests of everybody together.',
});

@ObjectType('RateLimit', { simpleResolvers: true, description: 'A limit, and how much of it has been used in the hour that it counts.' })
export class RateLimitType {
  @Field(() => RateLimitKindName)
  kind!: string;

  @Field(() => Int, { description: 'An hour.' })
  limit!: number;

  @Field(() => Int)
  used!: number;

  @Field(() => Int)
  remaining!: number;

  @Field(() => DateTime, { nullable: true, description: 'When it counts anew; null where nothing was counted yet.' })
  resetsAt!: Date | null;
}

@Resolver()
export class RateLimitsResolver {
  constructor(private readonly limits: RateLimits) {}

  @Query(() => [RateLimitType], { description: 'The limits as they are for whoever asks; empty without RATE_LIMITING.' })
  rateLimits(@Ctx() { viewer, clientAddress }: RequestContext): Promise<RateLimitState[]> {
    return this.limits.state(viewer?.id ?? clientAddress, clientAddress);
  }
}
