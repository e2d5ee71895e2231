import { type Clock, systemClock } from '../platform/clock.js';
import { messageOf } from '../platform/errors.js';
import { type PubSub } from '../platform/pubsub/index.js';
import { type Saying } from '../platform/saying.js';

export type HealthStatus = 'HEALTHY' | 'DEGRADED' | 'UNHEALTHY';

export interface CheckResult {
  status: HealthStatus;
  message?: Saying;
  remedy?: Saying;
}

/** A part's own check, registered by the part. */
export interface HealthCheck {
  name: string;
  timeoutMs: number;
  /** Without it nothing works: UNHEALTHY makes the whole system so, other parts only degrade it. */
  essential: boolean;
  check: () => Promise<CheckResult>;
}

export interface ComponentHealth {
  name: string;
  status: HealthStatus;
  latencyMs: number;
  message: Saying | null;
  remedy: Saying | null;
  /** Since when the status has been what it is. */
  since: Date;
}

export interface SystemHealth {
  status: HealthStatus;
  checkedAt: Date;
  components: ComponentHealth[];
}

export interface HealthTopics {
  healthChanged: SystemHealth;
}

/** Asks every registered part how it is, every few seconds and on demand. */
export class HealthService {
  readonly #checks: HealthCheck[] = [];
  readonly #listeners: ((health: SystemHealth) => void)[] = [];
  #last: SystemHealth | null = null;
  #running: Promise<SystemHealth> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly pubsub: PubSub<HealthTopics>,
    private readonly intervalMs: number,
    private readonly clock: Clock = systemClock,
  ) {}

  register(check: HealthCheck): void {
    this.#checks.push(check);
  }

  start(): void {
    this.#timer = setInterval(() => void this.check(), this.intervalMs);
    void this.check();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
  }

  /** Calls `listener` with what every round finds. */
  onRound(listener: (health: SystemHealth) => void): void {
    this.#listeners.push(listener);
  }

  /** The state now, then every change of it. */
  changes(): AsyncIterable<SystemHealth> {
    return this.pubsub.subscribe('healthChanged', { initial: this.#last ? [this.#last] : [] });
  }

  /** What the last round found, or a new one where that is older than the interval. */
  recent(): Promise<SystemHealth> {
    const last = this.#last;
    return last && this.clock.now().getTime() - last.checkedAt.getTime() <= this.intervalMs ? Promise.resolve(last) : this.check();
  }

  /** How long a part took to answer the last round, milliseconds; null before the first. */
  latencyOf(name: string): number | null {
    return this.#last?.components.find((component) => component.name === name)?.latencyMs ?? null;
  }

  /** What the last round found; null before the first. */
  get last(): SystemHealth | null {
    return this.#last;
  }

  /** Checks all parts now; calls that come together share one round. */
  check(): Promise<SystemHealth> {
    this.#running ??= this.#round().finally(() => (this.#running = null));
    return this.#running;
  }

  async #round(): Promise<SystemHealth> {
    const components = await Promise.all(this.#checks.map((check) => this.#one(check)));
    const essential = new Set(this.#checks.filter((check) => check.essential).map((check) => check.name));
    const broken = components.some((component) => component.status === 'UNHEALTHY' && essential.has(component.name));
    const well = components.every((component) => component.status === 'HEALTHY');
    const health: SystemHealth = { status: broken ? 'UNHEALTHY' : well ? 'HEALTHY' : 'DEGRADED', checkedAt: this.clock.now(), components };
    const changed = !this.#last || describe(this.#last) !== describe(health);
    this.#last = health;
    for (const listener of this.#listeners) listener(health);
    if (changed) this.pubsub.publish('healthChanged', health);
    return health;
  }

  async #one({ name, timeoutMs, check }: HealthCheck): Promise<ComponentHealth> {
    const started = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<CheckResult>((resolve) => {
      timer = setTimeout(
        () =>
          resolve({
            status: 'UNHEALTHY',
            message: { en: `No answer within ${timeoutMs} ms.`, ja: `${timeoutMs} ミリ秒以内に応答がありません。` },
            remedy: {
              en: 'Look at the load of the machine and at the running jobs; if it lasts, restart the server.',
              ja: 'マシンの負荷と実行中のジョブを確認してください。続く場合はサーバーを再起動してください。',
            },
          }),
        timeoutMs,
      );
    });
    const result = await Promise.race([check().catch((error: unknown): CheckResult => ({ status: 'UNHEALTHY', message: messageOf(error) })), timeout]);
    clearTimeout(timer);
    const before = this.#last?.components.find((component) => component.name === name);
    return {
      name,
      status: result.status,
      latencyMs: performance.now() - started,
      message: result.message ?? null,
      remedy: result.remedy ?? null,
      since: before?.status === result.status ? before.since : this.clock.now(),
    };
  }
}

/** What counts as a change: not the latencies, which differ at every look. */
function describe({ status, components }: SystemHealth): string {
  return JSON.stringify([status, components.map(({ name, status: part, message }) => [name, part, message])]);
}
