import { Arg, Field, ID, ObjectType, Query, registerEnumType, Resolver } from 'type-graphql';
import { DateTime } from '../platform/http/graphql-types.js';
import { type Journal, type SystemEvent, SystemEventKind } from './journal.js';

registerEnumType(SystemEventKind, {
  name: 'SystemEventKind',
  valuesConfig: {
    STARTED_AFTER_CRASH: { description: 'The run before had not been stopped in order.' },
    SETTINGS_CHANGED: { description: '`detail` names the settings; `settingChanges` tells their values.' },
    MAINTENANCE_BEGAN: { description: '`detail` is the reason.' },
  },
});

@ObjectType('SystemEvent', { simpleResolvers: true, description: 'Something that happened to the system itself, beside its jobs and alerts.' })
export class SystemEventType {
  @Field(() => ID)
  id!: string;

  @Field(() => DateTime)
  at!: Date;

  @Field(() => SystemEventKind)
  kind!: SystemEventKind;

  @Field(() => String, { description: 'Who did it; system for what nobody did.' })
  by!: string;

  @Field(() => String, { nullable: true, description: 'The version, for a start.' })
  detail!: string | null;
}

@Resolver()
export class JournalResolver {
  constructor(private readonly journal: Journal) {}

  @Query(() => [SystemEventType], { description: 'Starts, stops, changes of settings and maintenance: newest first, the last 200 at most.' })
  systemEvents(@Arg('since', () => DateTime, { nullable: true }) since: Date | null): Promise<SystemEvent[]> {
    return this.journal.list(since);
  }
}
