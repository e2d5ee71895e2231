import { Arg, Field, ObjectType, Query, Resolver } from 'type-graphql';
import { type LoadedSettings, maskedSettings } from '../config/index.js';
import { DateTime, Language } from '../platform/http/graphql-types.js';
import { type SettingChanges } from './setting-changes.js';

@ObjectType('Setting', { simpleResolvers: true, description: 'One setting as it is in force since the start.' })
export class SettingType {
  @Field(() => String)
  name!: string;

  @Field(() => String, { description: 'Masked where it is a secret.' })
  value!: string;

  @Field(() => String, { description: 'environment, .env, preset or default; runtime for a level of the log that was changed since the start.' })
  source!: string;

  @Field(() => Boolean)
  secret!: boolean;

  @Field(() => String, { nullable: true })
  unit!: string | null;

  @Field(() => String)
  about!: string;

  @Field(() => String, { description: 'What it belongs to.' })
  group!: string;

  @Field(() => Boolean, { description: 'Whether another value is in force only after a restart: of all but the level of the log.' })
  needsRestart!: boolean;
}

@ObjectType('SettingChange', {
  simpleResolvers: true,
  description: 'A setting that had another value at the start before, or the level of the log, which was changed since.',
})
export class SettingChangeType {
  @Field(() => String)
  name!: string;

  @Field(() => String, { nullable: true, description: 'Masked where it is a secret.' })
  before!: string | null;

  @Field(() => String, { nullable: true, description: 'Masked where it is a secret.' })
  after!: string | null;

  @Field(() => DateTime, { description: 'Of the first start with the new value; of the change, for the level of the log.' })
  at!: Date;
}

@Resolver()
export class ConfigurationResolver {
  constructor(
    private readonly loaded: LoadedSettings,
    private readonly changes: SettingChanges,
    /** What is logged at the moment: the one setting that changes without a restart. */
    private readonly logLevel: () => string,
  ) {}

  @Query(() => [SettingType], { description: 'Settings are read at the start: a change needs a restart, but for the level of the log.' })
  settings(
    @Arg('language', () => Language, { defaultValue: Language.EN, nullable: true, description: 'Of `about` and `unit`.' }) language: Language | null,
  ): SettingType[] {
    const level = this.logLevel();
    return maskedSettings(this.loaded, language ?? Language.EN).map((setting) => {
      if (setting.name !== 'LOG_LEVEL') return { ...setting, needsRestart: true };
      return { ...setting, needsRestart: false, ...(setting.value === level ? {} : { value: level, source: 'runtime' }) };
    });
  }

  @Query(() => [SettingChangeType], { description: 'Newest first, at most 200.' })
  settingChanges(): Promise<SettingChangeType[]> {
    return this.changes.list();
  }
}
