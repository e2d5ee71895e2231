import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { type Settings } from '../config/index.js';
import { AppError } from '../platform/errors.js';
import { type Logger } from '../platform/logging/index.js';

type RateSettings = Pick<Settings, 'RATE_LIMITING' | 'RATE_LIMIT_SEARCH' | 'RATE_LIMIT_UPLOAD' | 'RATE_LIMIT_API' | 'RATE_LIMIT_GLOBAL'>;
export type LimitedAction = 'search' | 'upload';

export type RateLimitKind = 'SEARCH' | 'UPLOAD' | 'API' | 'GLOBAL';

/** How much of a limit has been used in the hour that it counts. */
export interface RateLimitState {
  kind: RateLimitKind;
  /** An hour. */
  limit: number;
  used: number;
  remaining: number;
  /** When it counts anew; null where nothing was counted yet. */
  resetsAt: Date | null;
}

const hour = 3600;

/** The manual's limits (performance.rate_limiting): searches and uploads by user, requests by address and in all. */
export class RateLimits {
  readonly #enabled: boolean;
  readonly #byAddress: RateLimiterMemory;
  readonly #global: RateLimiterMemory;
  readonly #byUser: Record<LimitedAction, RateLimiterMemory>;
  #refused = 0;

  constructor(
    settings: RateSettings,
    private readonly log: Logger,
  ) {
    this.#enabled = settings.RATE_LIMITING;
    this.#byAddress = new RateLimiterMemory({ points: settings.RATE_LIMIT_API, duration: hour });
    this.#global = new RateLimiterMemory({ points: settings.RATE_LIMIT_GLOBAL, duration: hour });
    this.#byUser = {
      search: new RateLimiterMemory({ points: settings.RATE_LIMIT_SEARCH, duration: hour }),
      upload: new RateLimiterMemory({ points: settings.RATE_LIMIT_UPLOAD, duration: hour }),
    };
  }

  /** @throws AppError RATE_LIMITED telling when to come back */
  async request(address: string): Promise<void> {
    if (!this.#enabled) return;
    await this.#take(this.#byAddress, address, 'requests from this address');
    await this.#take(this.#global, 'all', 'requests in all');
  }

  /** How much of the limit of all requests is used, 0..1, null where nothing is limited; and how many were refused by any limit since the start. */
  async load(): Promise<{ usedShare: number | null; refused: number }> {
    if (!this.#enabled) return { usedShare: null, refused: 0 };
    const used = (await this.#global.get('all'))?.consumedPoints ?? 0;
    return { usedShare: Math.min(1, used / this.#global.points), refused: this.#refused };
  }

  /** The limits as they are for one who asks; none where nothing is limited. */
  async state(user: string, address: string): Promise<RateLimitState[]> {
    if (!this.#enabled) return [];
    const limits: [RateLimitKind, RateLimiterMemory, string][] = [
      ['SEARCH', this.#byUser.search, user],
      ['UPLOAD', this.#byUser.upload, user],
      ['API', this.#byAddress, address],
      ['GLOBAL', this.#global, 'all'],
    ];
    return Promise.all(
      limits.map(async ([kind, limiter, key]) => {
        const counted = await limiter.get(key);
        const used = counted?.consumedPoints ?? 0;
        const resetsAt = counted && new Date(Date.now() + counted.msBeforeNext);
        return { kind, limit: limiter.points, used, remaining: Math.max(0, limiter.points - used), resetsAt };
      }),
    );
  }

  async action(action: LimitedAction, user: string): Promise<void> {
    if (this.#enabled) await this.#take(this.#byUser[action], user, action === 'search' ? 'searches' : 'uploads');
  }

  async #take(limiter: RateLimiterMemory, key: string, what: string): Promise<void> {
    try {
      await limiter.consume(key);
    } catch (rejected) {
      if (!(rejected instanceof RateLimiterRes)) throw rejected;
      this.#refused += 1;
      // Once an hour for each who comes too often: whoever goes on asking shall not fill the log, too.
      if (rejected.consumedPoints === limiter.points + 1)
        this.log.warn({ event: 'rate_limited', limit: limiter.points, of: what, who: key }, 'a rate limit was reached');
      const seconds = Math.ceil(rejected.msBeforeNext / 1000);
      throw new AppError(
        'RATE_LIMITED',
        { en: `The limit of ${limiter.points} ${what} an hour is reached.`, ja: `1 時間あたりの上限（${limiter.points} 回）に達しました。` },
        { en: `Try again in ${seconds} s.`, ja: `${seconds} 秒後にもう一度お試しください。` },
      );
    }
  }
}
