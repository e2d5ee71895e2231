import { Arg, Field, Mutation, ObjectType, Query, Resolver, Root, Subscription } from 'type-graphql';
import { subscribeTo } from '../access/index.js';
import { DateTime } from '../platform/http/graphql-types.js';
import { type MaintenanceMode, type MaintenanceModeState } from './maintenance-mode.js';

@ObjectType('MaintenanceMode', { simpleResolvers: true, description: 'While it is on, readers get MAINTENANCE; operators go on.' })
export class MaintenanceModeType {
  @Field(() => Boolean)
  enabled!: boolean;

  @Field(() => String, { nullable: true })
  reason!: string | null;

  @Field(() => DateTime, { nullable: true, description: 'When it is expected to end; it does not end by itself.' })
  until!: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'When it was last turned on or off.' })
  since!: Date | null;
}

@Resolver()
export class MaintenanceModeResolver {
  constructor(private readonly mode: MaintenanceMode) {}

  @Query(() => MaintenanceModeType)
  maintenanceMode(): MaintenanceModeState {
    return this.mode.state;
  }

  @Mutation(() => MaintenanceModeType, { description: 'Turns it on or off. Errors: BAD_USER_INPUT for an end that is past, or a reason over 500 characters.' })
  setMaintenanceMode(
    @Arg('enabled', () => Boolean) enabled: boolean,
    @Arg('reason', () => String, { nullable: true }) reason: string | null,
    @Arg('until', () => DateTime, { nullable: true }) until: Date | null,
  ): Promise<MaintenanceModeState> {
    return this.mode.set(enabled, reason, until);
  }

  @Subscription(() => MaintenanceModeType, {
    subscribe: subscribeTo((_args: object, { subscriptions }) => subscriptions.maintenanceModeChanged()),
    description: 'The mode now, and every change of it.',
  })
  maintenanceModeChanged(@Root() state: MaintenanceModeState): MaintenanceModeState {
    return state;
  }
}
