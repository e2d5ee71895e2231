import { Field, Float, ID, InputType, ObjectType, registerEnumType } from 'type-graphql';
import { connectionOf, DateTime } from '../platform/http/graphql-types.js';
import { type Saying } from '../platform/saying.js';
import { type AlertEntity } from './alert.entity.js';
import { type JudgedThreshold } from './alerts.service.js';
import { stateOf } from './kept-alerts.js';

export enum AlertSeverity {
  WARNING = 'WARNING',
  CRITICAL = 'CRITICAL',
}
registerEnumType(AlertSeverity, { name: 'AlertSeverity' });

export enum AlertStateName {
  ACTIVE = 'ACTIVE',
  ACKNOWLEDGED = 'ACKNOWLEDGED',
  RESOLVED = 'RESOLVED',
}
registerEnumType(AlertStateName, { name: 'AlertState', description: 'ACKNOWLEDGED: it lasts, and somebody has seen it. RESOLVED: it is over.' });

export enum ThresholdLevel {
  NORMAL = 'NORMAL',
  WARNING = 'WARNING',
  CRITICAL = 'CRITICAL',
}
registerEnumType(ThresholdLevel, { name: 'ThresholdLevel' });

@ObjectType('Alert', { simpleResolvers: true, description: 'Something that is, or was, not as it should be. While it lasts there is one a rule.' })
export class AlertType {
  @Field(() => ID)
  id!: string;

  @Field(() => String, { description: 'A threshold (cpu, memory, response_time, error_rate, disk), health:<part> or task:<task>.' })
  rule!: string;

  @Field(() => AlertSeverity)
  severity!: string;

  @Field(() => AlertStateName)
  state!: string;

  /** Told in the language that is asked for. */
  message!: Saying;

  remedy!: Saying | null;

  @Field(() => Float, { nullable: true, description: 'What was measured when the severity changed last.' })
  value!: number | null;

  @Field(() => Float, { nullable: true })
  threshold!: number | null;

  @Field(() => DateTime)
  raisedAt!: Date;

  @Field(() => DateTime, { nullable: true })
  acknowledgedAt!: Date | null;

  @Field(() => String, { nullable: true })
  acknowledgedBy!: string | null;

  @Field(() => DateTime, { nullable: true, description: 'Nobody is notified of changes before.' })
  silencedUntil!: Date | null;

  @Field(() => DateTime, { nullable: true })
  resolvedAt!: Date | null;
}

export function alertView(alert: AlertEntity): AlertType {
  return { ...alert, state: stateOf(alert) };
}

export const AlertConnection = connectionOf('Alert', AlertType);

@InputType({ description: 'Any within a field, all across fields.' })
export class AlertFilter {
  @Field(() => [AlertStateName], { nullable: true })
  states?: AlertStateName[] | null;

  @Field(() => [String], { nullable: true })
  rules?: string[] | null;
}

@ObjectType('Threshold', { simpleResolvers: true, description: 'A value that is watched, and how the last sample was judged.' })
export class ThresholdType {
  @Field(() => String, { description: 'cpu, memory, response_time, error_rate or disk' })
  rule!: string;

  @Field(() => String, { description: 'The field of MetricsPoint that is compared; all figures here are in its unit.' })
  series!: string;

  @Field(() => Float)
  warning!: number;

  @Field(() => Float)
  critical!: number;

  @Field(() => Float, { nullable: true })
  value!: number | null;

  @Field(() => ThresholdLevel)
  level!: string;
}

export function thresholdView({ threshold: { rule, series, warning, critical }, value, level }: JudgedThreshold): ThresholdType {
  return { rule, series, warning, critical, value, level };
}

@ObjectType({ simpleResolvers: true })
export class NotificationDelivery {
  @Field(() => String, { description: 'webhook or mail' })
  channel!: string;

  /** Told in the language that is asked for. */
  error!: Saying | null;
}
