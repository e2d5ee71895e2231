import { Arg, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root, Subscription } from 'type-graphql';
import { type RequestContext, subscribeTo } from '../access/index.js';
import { type Connection, DateTime, Language } from '../platform/http/graphql-types.js';
import { say } from '../platform/saying.js';
import { type AlertEntity } from './alert.entity.js';
import { AlertConnection, AlertFilter, AlertType, alertView, NotificationDelivery, ThresholdType, thresholdView } from './alert.type.js';
import { type AlertsService } from './alerts.service.js';
import { type Notifier } from './notifier.js';

const inEnglish = { defaultValue: Language.EN, nullable: true };

@Resolver(() => NotificationDelivery)
export class NotificationDeliveryResolver {
  @FieldResolver(() => String, { nullable: true, description: 'Why it was not delivered; null where it was.' })
  error(@Root() { error }: NotificationDelivery, @Arg('language', () => Language, inEnglish) language: Language | null): string | null {
    return error && say(error, language ?? Language.EN);
  }
}

@Resolver(() => AlertType)
export class AlertsResolver {
  constructor(
    private readonly service: AlertsService,
    private readonly notifier: Notifier,
  ) {}

  @FieldResolver(() => String, { description: 'What is amiss.' })
  message(@Root() { message }: AlertType, @Arg('language', () => Language, inEnglish) language: Language | null): string {
    return say(message, language ?? Language.EN);
  }

  @FieldResolver(() => String, { nullable: true, description: 'What to do about it.' })
  remedy(@Root() { remedy }: AlertType, @Arg('language', () => Language, inEnglish) language: Language | null): string | null {
    return remedy && say(remedy, language ?? Language.EN);
  }

  @Query(() => AlertConnection, { description: 'Newest first. Errors: BAD_USER_INPUT for a wrong page size or cursor.' })
  async alerts(
    @Arg('first', () => Int, { defaultValue: 20, nullable: true }) first: number | null,
    @Arg('after', () => String, { nullable: true }) after: string | null,
    @Arg('filter', () => AlertFilter, { nullable: true }) filter: AlertFilter | null,
  ): Promise<Connection<AlertType>> {
    const { edges, ...page } = await this.service.kept.list(first ?? 20, after, filter ?? {});
    return { ...page, edges: edges.map(({ node, cursor }) => ({ node: alertView(node), cursor })) };
  }

  @Query(() => [ThresholdType], { description: 'The values that are watched, as the last sample was judged by them.' })
  thresholds(): ThresholdType[] {
    return this.service.judged.map(thresholdView);
  }

  @Query(() => [String], { description: 'Where alerts are told besides here: webhook, mail, or nothing where none is set.' })
  notificationChannels(): string[] {
    return this.notifier.channels;
  }

  @Mutation(() => AlertType, { description: 'Says that somebody has seen it. Errors: NOT_FOUND, CONFLICT where it is over.' })
  async acknowledgeAlert(@Arg('id', () => ID) id: string, @Ctx() { viewer }: RequestContext): Promise<AlertType> {
    return alertView(await this.service.acknowledge(id, viewer?.name ?? ''));
  }

  @Mutation(() => AlertType, { description: 'Notifies nobody of it until then; again at once where `until` is null. Errors: NOT_FOUND, CONFLICT.' })
  async silenceAlert(@Arg('id', () => ID) id: string, @Arg('until', () => DateTime, { nullable: true }) until: Date | null): Promise<AlertType> {
    return alertView(await this.service.silence(id, until));
  }

  @Mutation(() => [NotificationDelivery], { description: 'Sends a test to every channel that is set, once, and tells what became of it.' })
  testNotifications(): Promise<NotificationDelivery[]> {
    return this.notifier.test();
  }

  @Subscription(() => AlertType, {
    subscribe: subscribeTo((_args: object, { subscriptions }) => subscriptions.alertChanged()),
    description: 'The open alerts now, then every alert that is raised, changed or resolved.',
  })
  alertChanged(@Root() alert: AlertEntity): AlertType {
    return alertView(alert);
  }
}
