import { createHmac } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Transporter } from 'nodemailer';
import { type Settings } from '../config/index.js';
import { type HealthCheck } from '../health/index.js';
import { sayingOf, ToldError } from '../platform/errors.js';
import { type Language, say, type Saying } from '../platform/saying.js';
import { type Logger } from '../platform/logging/index.js';
import { type AlertEntity } from './alert.entity.js';
import { mailOf } from './mail.js';
import { type Outbox } from './outbox.js';

export interface Notification {
  event: 'raised' | 'escalated' | 'resolved' | 'test';
  /** Null for a test. */
  alert:
    (Pick<AlertEntity, 'id' | 'rule' | 'severity' | 'value' | 'threshold' | 'raisedAt' | 'resolvedAt'> & { message: string; remedy: string | null }) | null;
}

export interface Delivery {
  /** `webhook` or `mail` */
  channel: string;
  error: Saying | null;
}

export type NotifierSettings = Pick<
  Settings,
  'ALERT_LANGUAGE' | 'ALERT_WEBHOOK_URL' | 'ALERT_WEBHOOK_SECRET' | 'ALERT_MAIL_TO' | 'ALERT_MAIL_FROM' | 'SMTP_URL' | 'ALERT_RETRY_SECONDS'
>;

interface Channel {
  name: string;
  deliver: (notification: Notification) => Promise<void>;
}

const timeoutMs = 10_000;
const mostAttempts = 5;
const longestStopMs = 1000;

/** Tells people outside the console of alerts: by a signed webhook, by mail, or by neither where none is set. */
export class Notifier {
  readonly #channels: Channel[] = [];
  readonly #stop = new AbortController();
  readonly #last = new Map<string, Promise<void>>();
  /** Writes to the outbox that a stop waits for. */
  readonly #pending = new Set<Promise<void>>();
  /** Made for the first mail. */
  #mail: Promise<Transporter> | null = null;
  /** The newest delivery that was given up, by channel. */
  readonly #failures = new Map<string, Saying>();

  constructor(
    private readonly settings: NotifierSettings,
    private readonly outbox: Outbox,
    private readonly log: Logger,
    /** Leaves it to the next start to tell people of alerts; a test is sent all the same. */
    private readonly muted = false,
  ) {
    if (settings.ALERT_WEBHOOK_URL) this.#channels.push({ name: 'webhook', deliver: (notification) => this.#post(notification) });
    if (settings.SMTP_URL && settings.ALERT_MAIL_TO.length > 0) {
      this.#channels.push({ name: 'mail', deliver: (notification) => this.#write(notification) });
    }
  }

  /** Of what people are told. */
  get language(): Language {
    return this.settings.ALERT_LANGUAGE;
  }

  get channels(): string[] {
    return this.#channels.map(({ name }) => name);
  }

  /** What could not be told, after all attempts; empty where the newest notification went out. */
  get failures(): Delivery[] {
    return [...this.#failures].map(([channel, error]) => ({ channel, error }));
  }

  /** Whether people are reached, as a part of the system's health. */
  healthCheck(): HealthCheck {
    return {
      name: 'notifications',
      timeoutMs: 1000,
      essential: false,
      check: () => {
        const [failure] = this.failures;
        return Promise.resolve(
          failure
            ? {
                status: 'DEGRADED',
                message: {
                  en: `The newest notification by ${failure.channel} could not be delivered: ${say(failure.error ?? '')}`,
                  ja: `最新の通知を ${failure.channel} で届けられませんでした: ${say(failure.error ?? '', 'ja')}`,
                },
                remedy: { en: 'Send a test from the page of alerts.', ja: 'アラートのページから試験送信してください。' },
              }
            : { status: 'HEALTHY' },
        );
      },
    };
  }

  /** Goes on with what an earlier run had still to deliver. */
  async resume(): Promise<void> {
    for (const { id, channel, notification } of await this.outbox.left()) {
      const known = this.#channels.find(({ name }) => name === channel);
      if (known) this.#queue(known, notification, Promise.resolve(id));
      else await this.outbox.drop(id);
    }
  }

  /** Delivers in the background, several times where need be, in the order of the calls. */
  send(notification: Notification): void {
    for (const channel of this.#channels) {
      // A full disk, which keeps nothing, is what people must be told of.
      const kept = this.outbox.keep(channel.name, notification).catch((error: unknown) => {
        this.log.warn({ err: error, channel: channel.name }, 'a notification could not be kept; a restart before it is delivered loses it');
        return null;
      });
      if (this.muted) this.#await(kept);
      else this.#queue(channel, notification, kept);
    }
  }

  /** One after another: who hears that it is over before hearing that it began, opens the incident again. */
  #queue(channel: Channel, notification: Notification, kept: Promise<string | null>): void {
    const done = (this.#last.get(channel.name) ?? Promise.resolve()).then(async () => {
      const isOver = await this.#retried(channel, notification);
      // The next need not wait for a database that is at work.
      if (isOver) this.#forget(kept);
    });
    this.#last.set(channel.name, done);
  }

  #forget(kept: Promise<string | null>): void {
    const dropped = kept
      .then((id) => (id === null ? undefined : this.outbox.drop(id)))
      .catch((error: unknown) => this.log.warn({ err: error }, 'a notification that was delivered could not be crossed out'))
      .finally(() => this.#pending.delete(dropped));
    this.#pending.add(dropped);
  }

  #await(kept: Promise<unknown>): void {
    const done: Promise<void> = kept.then(() => void this.#pending.delete(done));
    this.#pending.add(done);
  }

  /** Tries every channel once, now. */
  test(): Promise<Delivery[]> {
    return Promise.all(
      this.#channels.map(async (channel) => {
        const error = await channel.deliver({ event: 'test', alert: null }).then(() => null, sayingOf);
        // What is mended is seen to be: nobody waits for the next alert to hear it.
        if (error === null) this.#failures.delete(channel.name);
        return { channel: channel.name, error };
      }),
    );
  }

  /** @returns whether nothing is left to do: it was delivered, or given up */
  async #retried(channel: Channel, notification: Notification): Promise<boolean> {
    for (let attempt = 1; ; attempt += 1) {
      if (this.#stop.signal.aborted) return false;
      try {
        await channel.deliver(notification);
        this.#failures.delete(channel.name);
        return true;
      } catch (error) {
        if (this.#stop.signal.aborted) return false;
        this.log.warn({ err: error, channel: channel.name, attempt }, 'a notification could not be delivered');
        if (attempt === mostAttempts) {
          this.#failures.set(channel.name, sayingOf(error));
          return true;
        }
        await delay(this.settings.ALERT_RETRY_SECONDS * 1000 * 4 ** (attempt - 1), undefined, { signal: this.#stop.signal, ref: false }).catch(() => undefined);
        if (this.#stop.signal.aborted) return false;
      }
    }
  }

  /** The signature covers the time, so that a request cannot be sent again later. */
  async #post(notification: Notification): Promise<void> {
    const body = JSON.stringify(notification);
    const timestamp = String(Math.floor(Date.now() / 1000));
    const secret = this.settings.ALERT_WEBHOOK_SECRET;
    const signature = secret ? createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex') : null;
    const response = await fetch(this.settings.ALERT_WEBHOOK_URL, {
      method: 'POST',
      body,
      redirect: 'error',
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#stop.signal]),
      headers: {
        'content-type': 'application/json',
        'x-erpfts-timestamp': timestamp,
        ...(signature ? { 'x-erpfts-signature': `sha256=${signature}` } : {}),
      },
    }).catch((error: unknown) => {
      // What fetch says may hold the address, which is a secret.
      const { code } = ((error as { cause?: unknown }).cause ?? {}) as { code?: unknown };
      const why = typeof code === 'string' ? ` (${code})` : '';
      throw new ToldError({ en: `The webhook could not be reached${why}.`, ja: `Webhook に接続できませんでした${why}。` });
    });
    await response.body?.cancel();
    if (!response.ok) throw new ToldError({ en: `The webhook answered ${response.status}.`, ja: `Webhook が ${response.status} を返しました。` });
  }

  async #write(notification: Notification): Promise<void> {
    this.#mail ??= import('nodemailer').then(({ createTransport }) => createTransport(withTimeouts(this.settings.SMTP_URL)));
    await (
      await this.#mail
    ).sendMail({
      from: this.settings.ALERT_MAIL_FROM,
      to: this.settings.ALERT_MAIL_TO,
      ...mailOf(notification, this.language),
    });
  }

  /** What still waits to be tried again is left to the next start. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.race([Promise.allSettled([...this.#last.values(), ...this.#pending]), delay(longestStopMs, undefined, { ref: false })]);
    (await this.#mail)?.close();
  }
}

/** Nodemailer reads its options from the address alone where it is given one. */
function withTimeouts(address: string): string {
  const url = new URL(address);
  for (const name of ['connectionTimeout', 'greetingTimeout', 'socketTimeout']) if (!url.searchParams.has(name)) url.searchParams.set(name, String(timeoutMs));
  return url.href;
}
