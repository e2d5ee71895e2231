import { Redis } from 'ioredis';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { notice } from './environment.js';

/** A database of the tests' Redis that nothing else uses; null, with a notice, where none answers. */
export async function redisDatabase(number: number): Promise<{ url: URL; redis: Redis } | null> {
  const url = new URL(process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379');
  url.pathname = `/${number}`;
  const redis = new Redis(url.href, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    await redis.flushdb();
    return { url, redis };
  } catch {
    notice('No Redis answers at TEST_REDIS_URL: the Redis suites are skipped. Install redis-server, or set TEST_REDIS_URL.');
    return null;
  }
}

/** The way to a Redis, which a test can cut and mend. */
export class RedisWay {
  #server: Server | null = null;
  #port = 0;
  readonly #ends = new Set<Socket>();

  constructor(private readonly to: URL) {}

  get url(): string {
    const url = new URL(this.to);
    url.hostname = '127.0.0.1';
    url.port = String(this.#port);
    return url.href;
  }

  async open(): Promise<void> {
    this.#server = createServer((near) => {
      const far = connect(Number(this.to.port || 6379), this.to.hostname);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#ends.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#ends.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    await new Promise<void>((resolve) => this.#server!.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    this.#server?.close();
    for (const end of this.#ends) end.destroy();
  }
}
