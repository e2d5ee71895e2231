import { randomUUID } from 'node:crypto';
import { IsNull, LessThan } from 'typeorm';
import { type SystemHealth } from '../health/index.js';
import { type Sample } from '../metrics/index.js';
import { type Clock } from '../platform/clock.js';
import { type Database } from '../platform/database/index.js';
import { AppError, badInput, notFound } from '../platform/errors.js';
import { type Logger } from '../platform/logging/index.js';
import { type PubSub } from '../platform/pubsub/index.js';
import { type Saying, say } from '../platform/saying.js';
import { AlertEntity } from './alert.entity.js';
import { KeptAlerts } from './kept-alerts.js';
import { type Notifier } from './notifier.js';
import { judge, type Level, sentenceOf, type Threshold, valueOf } from './thresholds.js';
import { Watch } from './watch.js';

export interface AlertTopics {
  alertChanged: AlertEntity;
}

/** What a rule finds at one moment. */
export interface Finding {
  rule: string;
  level: Level;
  message: Saying;
  value?: number | null;
  threshold?: number | null;
  remedy?: Saying | null;
  /** How long the level must last before it counts, milliseconds. */
  holdMs?: number;
}

export interface JudgedThreshold {
  threshold: Threshold;
  value: number | null;
  level: Level;
}

export interface AlertParts {
  database: Database;
  pubsub: PubSub<AlertTopics>;
  notifier: Notifier;
  thresholds: Threshold[];
  /** How long a value must be beyond a threshold, milliseconds. */
  holdMs: number;
  /** How long resolved alerts are kept, milliseconds. */
  retentionMs: number;
  clock: Clock;
  log: Logger;
}

/** A part that is down needs no longer look than this. */
const longestHealthHoldMs = 10_000;

/** Raises an alert once for what lasts, and resolves it when that is over. */
export class AlertsService {
  readonly #watches = new Map<string, Watch>();
  /** To be read from. */
  readonly kept: KeptAlerts;
  #judged: JudgedThreshold[] = [];
  #changes: Promise<unknown> = Promise.resolve();
  #saved: Promise<void> = Promise.resolve();

  constructor(private readonly parts: AlertParts) {
    this.kept = new KeptAlerts(parts.database);
    this.#judged = parts.thresholds.map((threshold) => ({ threshold, value: null, level: 'NORMAL' as const }));
  }

  /** Goes on with the alerts that were open when the last process ended. */
  async open(): Promise<void> {
    await this.forgetOld();
    for (const alert of await this.parts.database.read.findBy(AlertEntity, { resolvedAt: IsNull() }))
      this.#watches.set(alert.rule, new Watch(alert.severity, alert));
  }

  /** Removes alerts that have been over for longer than they are kept. @returns how many */
  async forgetOld(): Promise<number> {
    const { database, retentionMs, clock } = this.parts;
    const old = { resolvedAt: LessThan(new Date(clock.now().getTime() - retentionMs)) };
    return (await database.write((tx) => tx.delete(AlertEntity, old))).affected ?? 0;
  }

  /** Every threshold as the last sample was judged by it. */
  get judged(): JudgedThreshold[] {
    return this.#judged;
  }

  /** Judges a sample by the thresholds. */
  async observeSample({ at, values }: Sample): Promise<void> {
    const judged = this.parts.thresholds.map((threshold): JudgedThreshold => {
      const value = valueOf(threshold, values);
      return { threshold, value, level: judge(threshold, value, this.#watches.get(threshold.rule)?.level ?? 'NORMAL') };
    });
    this.#judged = judged;
    for (const { threshold, value, level } of judged) {
      const limit = level === 'CRITICAL' ? threshold.critical : threshold.warning;
      await this.observe(
        {
          rule: threshold.rule,
          level,
          message: sentenceOf(threshold, value, level),
          value,
          threshold: limit,
          remedy: threshold.remedy,
          holdMs: this.parts.holdMs,
        },
        at,
      );
    }
  }

  /** Judges what a round of health checks found. */
  async observeHealth({ components, checkedAt }: SystemHealth): Promise<void> {
    for (const { name, status, message, remedy } of components) {
      const level: Level = status === 'HEALTHY' ? 'NORMAL' : status === 'DEGRADED' ? 'WARNING' : 'CRITICAL';
      await this.observe(
        {
          rule: `health:${name}`,
          level,
          message: message ?? status,
          remedy,
          holdMs: Math.min(longestHealthHoldMs, this.parts.holdMs),
        },
        checkedAt,
      );
    }
  }

  /** Ends alerts whose rule nobody looks at any more, as of a part that was turned off. */
  async retire(isObserved: (rule: string) => boolean): Promise<void> {
    const gone = [...this.#watches].filter(([rule, { alert }]) => alert && !isObserved(rule));
    for (const [rule] of gone)
      await this.observe({ rule, level: 'NORMAL', message: { en: 'It is looked at no longer.', ja: '監視の対象ではなくなりました。' }, remedy: null });
  }

  /** Takes in what a rule finds; findings are worked off one after another. */
  observe(finding: Finding, at = this.parts.clock.now()): Promise<void> {
    const done = this.#changes.then(() => this.#observe(finding, at));
    this.#changes = done.catch((error: unknown) => this.parts.log.error({ err: error, rule: finding.rule }, 'an alert could not be kept'));
    return done.catch(() => undefined);
  }

  #observe(finding: Finding, at: Date): void {
    const { rule, level: found, holdMs = 0 } = finding;
    const watch = this.#watches.get(rule) ?? new Watch('NORMAL', null);
    this.#watches.set(rule, watch);
    watch.find(found, at.getTime());
    const level = watch.settled(at.getTime(), holdMs);
    if (level === (watch.alert?.severity ?? 'NORMAL')) return this.#reword(watch, finding);
    if (level === 'NORMAL') {
      if (watch.alert) this.#resolve(watch, at);
      return;
    }
    const { message, value = null, threshold = null, remedy = null } = finding;
    const state = { severity: level, message, value, threshold, remedy, changedAt: at };
    const known = watch.alert;
    if (known) {
      const worse = level === 'CRITICAL';
      // Whoever had seen the warning has not seen that it became critical.
      const changed = Object.assign(new AlertEntity(), known, state, worse ? { acknowledgedAt: null, acknowledgedBy: null } : {});
      this.#keep(watch, changed);
      if (worse) this.#notify('escalated', changed, at);
      return;
    }
    const raised = Object.assign(new AlertEntity(), {
      id: randomUUID(),
      rule,
      ...state,
      raisedAt: at,
      acknowledgedAt: null,
      acknowledgedBy: null,
      silencedUntil: null,
      resolvedAt: null,
    });
    this.#keep(watch, raised);
    this.parts.log.warn({ event: 'alert_raised', rule, severity: level, value, threshold }, say(message));
    this.#notify('raised', raised, at);
  }

  #resolve(watch: Watch, at: Date): void {
    const alert = Object.assign(new AlertEntity(), watch.alert, { resolvedAt: at, changedAt: at });
    this.#keep(watch, alert);
    watch.alert = null;
    this.parts.log.info({ event: 'alert_resolved', rule: alert.rule }, 'an alert is over');
    this.#notify('resolved', alert, at);
  }

  /** The database may be what the alert is about, or be at work for long: people are told all the same, and the next change is kept whole. */
  #keep(watch: Watch, alert: AlertEntity): void {
    this.#show(watch, alert);
    // One after another: what was found later must not be overtaken.
    this.#saved = this.#saved.then(() =>
      this.#save(alert).then(
        () => undefined,
        (error: unknown) => this.parts.log.error({ err: error, rule: alert.rule }, 'an alert could not be kept'),
      ),
    );
  }

  /** Waits until what was found so far has been kept. */
  async settled(): Promise<void> {
    await this.#changes;
    await this.#saved;
  }

  /** What a single look found, as a verification, may have changed though it is as grave: nobody is told again. */
  #reword(watch: Watch, { message, value = null, remedy = null, holdMs }: Finding): void {
    const known = watch.alert;
    if (!known || holdMs !== undefined || JSON.stringify(known.message) === JSON.stringify(message)) return;
    this.#keep(watch, Object.assign(new AlertEntity(), known, { message, value, remedy }));
  }

  #save(alert: AlertEntity): Promise<AlertEntity> {
    return this.parts.database.write((tx) => tx.save(alert));
  }

  #show(watch: Watch, alert: AlertEntity): void {
    watch.alert = alert;
    this.parts.pubsub.publish('alertChanged', alert);
  }

  #notify(event: 'raised' | 'escalated' | 'resolved', alert: AlertEntity, at: Date): void {
    const { notifier } = this.parts;
    const { language } = notifier;
    if (alert.silencedUntil === null || alert.silencedUntil <= at)
      notifier.send({ event, alert: { ...alert, message: say(alert.message, language), remedy: alert.remedy && say(alert.remedy, language) } });
  }

  /** Somebody has seen it. @throws AppError NOT_FOUND, CONFLICT where it is over */
  acknowledge(id: string, by: string): Promise<AlertEntity> {
    return this.#change(id, (alert) => (alert.acknowledgedAt ? {} : { acknowledgedAt: this.parts.clock.now(), acknowledgedBy: by }));
  }

  /** Tells nobody of it until then, or again where `until` is null. */
  silence(id: string, until: Date | null): Promise<AlertEntity> {
    if (until && until <= this.parts.clock.now())
      throw badInput(
        { en: `An alert cannot be silenced until ${until.toISOString()}, which is past.`, ja: `通知を止める期限 ${until.toISOString()} は過去の時刻です。` },
        { en: 'Give a time to come.', ja: 'これからの時刻にしてください。' },
      );
    return this.#change(id, () => ({ silencedUntil: until }));
  }

  #change(id: string, change: (alert: AlertEntity) => Partial<AlertEntity>): Promise<AlertEntity> {
    const done = this.#changes.then(async () => {
      const found = await this.parts.database.read.findOneBy(AlertEntity, { id });
      if (!found) throw notFound('alert', id);
      const watch = this.#watches.get(found.rule);
      if (watch?.alert?.id !== id)
        throw new AppError(
          'CONFLICT',
          { en: 'This alert is over.', ja: 'このアラートは解消しています。' },
          { en: 'There is nothing left to do about it.', ja: '対応の必要はありません。' },
        );
      const alert = Object.assign(new AlertEntity(), watch.alert, change(watch.alert));
      // Whoever says so is told where it could not be kept.
      await this.#saved;
      await this.#save(alert);
      this.#show(watch, alert);
      return alert;
    });
    this.#changes = done.catch(() => undefined);
    return done;
  }

  /** Open ones, worst first, newest first among equals. */
  openAlerts(): AlertEntity[] {
    const all = [...this.#watches.values()].flatMap(({ alert }) => alert ?? []);
    return all.sort((a, b) => a.severity.localeCompare(b.severity) || b.raisedAt.getTime() - a.raisedAt.getTime());
  }
}
