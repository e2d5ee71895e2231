import { createHmac } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createTransport, type Transporter } from 'nodemailer';
import { type Settings } from '../config/index.js';
import { messageOf } from '../platform/errors.js';
import { type Logger } from '../platform/logging/index.js';
import { type AlertEntity } from './alert.entity.js';

export interface Notification {
  event: 'raised' | 'escalated' | 'resolved' | 'test';
  /** Null for a test. */
  alert: Pick<AlertEntity, 'id' | 'rule' | 'severity' | 'message' | 'remedy' | 'value' | 'threshold' | 'raisedAt' | 'resolvedAt'> | null;
}

export interface Delivery {
  /** `webhook` or `mail` */
  channel: string;
  error: string | null;
}

export type NotifierSettings = Pick<
  Settings,
  'ALERT_WEBHOOK_URL' | 'ALERT_WEBHOOK_SECRET' | 'ALERT_MAIL_TO' | 'ALERT_MAIL_FROM' | 'SMTP_URL' | 'ALERT_RETRY_SECONDS'
>;

interface Channel {
  name: string;
  deliver: (notification: Notification) => Promise<void>;
}

const timeoutMs = 10_000;
const mostAttempts = 5;

/** Tells people outside the console of alerts: by a signed webhook, by mail, or by neither where none is set. */
export class Notifier {
  readonly #channels: Channel[] = [];
  readonly #stop = new AbortController();
  readonly #pending = new Set<Promise<void>>();
  #mail: Transporter | null = null;
  /** The newest delivery that was given up, by channel. */
  readonly #failures = new Map<string, string>();

  constructor(
    private readonly settings: NotifierSettings,
    private readonly log: Logger,
  ) {
    if (settings.ALERT_WEBHOOK_URL) this.#channels.push({ name: 'webhook', deliver: (notification) => this.#post(notification) });
    if (settings.SMTP_URL && settings.ALERT_MAIL_TO.length > 0) {
      this.#mail = createTransport(settings.SMTP_URL, { connectionTimeout: timeoutMs, socketTimeout: timeoutMs } as object);
      this.#channels.push({ name: 'mail', deliver: (notification) => this.#write(notification) });
    }
  }

  get channels(): string[] {
    return this.#channels.map(({ name }) => name);
  }

  /** What could not be told, after all attempts; empty where the newest notification went out. */
  get failures(): Delivery[] {
    return [...this.#failures].map(([channel, error]) => ({ channel, error }));
  }

  /** Delivers in the background, several times where need be. */
  send(notification: Notification): void {
    for (const channel of this.#channels) {
      const done = this.#retried(channel, notification).finally(() => this.#pending.delete(done));
      this.#pending.add(done);
    }
  }

  /** Tries every channel once, now. */
  test(): Promise<Delivery[]> {
    return Promise.all(
      this.#channels.map(async (channel) => {
        const error = await channel.deliver({ event: 'test', alert: null }).then(() => null, messageOf);
        return { channel: channel.name, error };
      }),
    );
  }

  async #retried(channel: Channel, notification: Notification): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await channel.deliver(notification);
        this.#failures.delete(channel.name);
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.log.warn({ err: error, channel: channel.name, attempt }, 'a notification could not be delivered');
        if (attempt === mostAttempts) return void this.#failures.set(channel.name, messageOf(error));
        await delay(this.settings.ALERT_RETRY_SECONDS * 1000 * 4 ** (attempt - 1), undefined, { signal: this.#stop.signal, ref: false }).catch(() => undefined);
        if (this.#stop.signal.aborted) return;
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
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        'content-type': 'application/json',
        'x-erpfts-timestamp': timestamp,
        ...(signature ? { 'x-erpfts-signature': `sha256=${signature}` } : {}),
      },
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`The webhook answered ${response.status}.`);
  }

  async #write({ event, alert }: Notification): Promise<void> {
    const subject = alert ? `[ERPFTS] ${event === 'resolved' ? 'Resolved' : alert.severity}: ${alert.message}` : '[ERPFTS] Test of the notifications';
    const lines = alert
      ? [
          alert.message,
          ...(alert.remedy ? ['', alert.remedy] : []),
          '',
          `Rule: ${alert.rule}`,
          `Since: ${alert.raisedAt.toISOString()}`,
          ...(alert.resolvedAt ? [`Until: ${alert.resolvedAt.toISOString()}`] : []),
        ]
      : ['Alerts will reach you by this address.'];
    await this.#mail?.sendMail({
      from: this.settings.ALERT_MAIL_FROM,
      to: this.settings.ALERT_MAIL_TO,
      subject: subject.replace(/\s+/g, ' ').slice(0, 200),
      text: lines.join('\n'),
    });
  }

  /** Gives up what still waits to be tried again. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#pending);
    this.#mail?.close();
  }
}
