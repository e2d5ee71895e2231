import { Field, ObjectType, Query, Resolver } from 'type-graphql';
import { type LoadedSettings, maskedSettings, type ShownSetting } from '../config/index.js';

@ObjectType('Setting', { simpleResolvers: true, description: 'One setting as it is in force.' })
export class SettingType {
  @Field(() => String)
  name!: string;

  @Field(() => String, { description: 'Masked where it is a secret.' })
  value!: string;

  @Field(() => String, { description: 'environment, .env, preset or default.' })
  source!: string;

  @Field(() => Boolean)
  secret!: boolean;

  @Field(() => String, { nullable: true })
  unit!: string | null;

  @Field(() => String)
  about!: string;
}

@Resolver()
export class ConfigurationResolver {
  constructor(private readonly loaded: LoadedSettings) {}

  @Query(() => [SettingType])
  settings(): ShownSetting[] {
    return maskedSettings(this.loaded);
  }
}
