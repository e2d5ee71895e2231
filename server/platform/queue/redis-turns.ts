import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectionOptions, Queue, UnrecoverableError, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { type Database } from '../database/index.js';
import { messageOf } from '../errors.js';
import { type Logger } from '../logging/index.js';
import { type Saying } from '../saying.js';
import { JobEntity } from './job.entity.js';
import { type Turns } from './turns.js';

/** How often rows are compared with what Redis knows: it may have lost some. */
const sweepMs = 30_000;
/** Rows offered in one sweep of a kind. */
const mostOffered = 1000;
/** A worker that is silent for so long has died, and its turns are given again. */
const lockMs = 15_000;
const answerMs = 2000;
/** Nobody listens to BullMQ's own events: what happens to a job is told by its row. */
const mostEvents = 10;

/**
 * Turns by BullMQ in Redis: a queue and a worker for each kind, which carry the ids of jobs. Redis may lose them, or be away for a
 * while: queued rows are offered again from time to time, and what is offered twice is taken once.
 */
export class RedisTurns implements Turns {
  /** Fails at once where Redis does not answer; workers wait for it instead. */
  readonly #redis: Redis;
  readonly #queues = new Map<string, Queue>();
  readonly #workers = new Map<string, Worker>();
  readonly #offering = new Map<string, Promise<void>>();
  readonly #sweepAgain = new Set<string>();
  readonly #held = new Set<string>();
  /** Kinds of which more wait than the last sweep has offered. */
  readonly #more = new Set<string>();
  /** Turns that were given. */
  readonly #given = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | null = null;
  #open = false;
  #away = false;
  /** Once Redis has answered for the first time. */
  #cleared: Promise<void> | null = null;

  /** @param namespace begins every key, so that several installations may share a Redis */
  constructor(
    private readonly url: string,
    private readonly namespace: string,
    private readonly database: Database,
    private readonly log: Logger,
  ) {
    this.#redis = new Redis(url, {
      maxRetriesPerRequest: 1,
      enableOfflineQueue: false,
      connectTimeout: answerMs,
      commandTimeout: answerMs,
      retryStrategy: (attempt) => Math.min(5000, attempt * 200),
    });
    this.#redis.on('error', (error) => this.#isAway(error));
    this.#redis.on('ready', () => this.#isBack());
  }

  start(kinds: ReadonlyMap<string, number>, begin: (job: JobEntity) => Promise<void>): Promise<void> {
    this.#open = true;
    for (const [kind, concurrency] of kinds) {
      const queue = new Queue(kind, {
        connection: this.#redis as ConnectionOptions,
        prefix: this.namespace,
        skipMetasUpdate: true,
        streams: { events: { maxLen: mostEvents } },
      });
      queue.on('error', (error) => this.#isAway(error));
      this.#queues.set(kind, queue);
      const worker = new Worker<null>(kind, ({ name }) => this.#take(kind, name, begin), {
        connection: workerConnection(this.url),
        prefix: this.namespace,
        autorun: false,
        concurrency,
        lockDuration: lockMs,
        stalledInterval: lockMs,
        // However often its process was killed: whether a job has failed is written in its row.
        maxStalledCount: Number.MAX_SAFE_INTEGER,
      });
      worker.on('error', (error) => this.#isAway(error));
      // Not for what was offered and could not be begun: that would be offered again without a pause.
      worker.on('drained', () => {
        if (this.#more.delete(kind)) this.wake(kind);
      });
      this.#workers.set(kind, worker);
    }
    if (this.#redis.status === 'ready') this.#isBack();
    this.#timer = setInterval(() => {
      if (this.#redis.status === 'ready') this.#isBack();
    }, sweepMs).unref();
    return Promise.resolve();
  }

  /** It answers: what is queued is offered, once what an earlier process has left there is gone. */
  #isBack(): void {
    if (!this.#open) return;
    this.#cleared ??= this.#clear().catch((error: unknown) => {
      // The next look tries it again.
      this.#cleared = null;
      throw error;
    });
    this.#cleared.then(
      () => {
        this.#away = false;
        for (const kind of this.#queues.keys()) this.wake(kind);
      },
      (error: unknown) => this.#isAway(error),
    );
  }

  /** One process owns the database: what Redis holds of an earlier one is out of date, and would wait for its lock to expire. */
  async #clear(): Promise<void> {
    for (const queue of this.#queues.values()) await queue.obliterate({ force: true });
    if (!this.#open) return;
    for (const [kind, worker] of this.#workers) {
      if (this.#held.has(kind)) await worker.pause(true);
      worker.run().catch((error: unknown) => this.#isAway(error));
    }
  }

  async #take(kind: string, id: string, begin: (job: JobEntity) => Promise<void>): Promise<void> {
    if (!this.#open || this.#held.has(kind)) return;
    const job = await this.database.read.findOneBy(JobEntity, { id, status: 'QUEUED' });
    // Its row is what counts: one that cannot be begun now is offered again by a sweep.
    if (!job) return;
    const turn = begin(job);
    const given = turn.catch(() => undefined).finally(() => this.#given.delete(given));
    this.#given.add(given);
    await turn.catch((error: unknown) => Promise.reject(new UnrecoverableError(messageOf(error))));
  }

  offer(job: JobEntity, again = false): void {
    const queue = this.#queues.get(job.kind);
    if (!this.#open || !queue) return;
    // The name carries the id; the delivery's own id keeps one from waiting twice.
    const jobId = again ? `${job.id}-${Date.now()}` : job.id;
    queue.add(job.id, null, { jobId, ...deliveryOptions }).catch((error: unknown) => this.#isAway(error));
  }

  wake(kind: string): void {
    if (!this.#open || !this.#queues.has(kind)) return;
    if (this.#offering.has(kind)) {
      this.#sweepAgain.add(kind);
      return;
    }
    const swept = this.#sweep(kind)
      .catch((error: unknown) => this.#isAway(error))
      .finally(() => {
        this.#offering.delete(kind);
        if (this.#sweepAgain.delete(kind)) this.wake(kind);
      });
    this.#offering.set(kind, swept);
  }

  async #sweep(kind: string): Promise<void> {
    const queued = await this.database.read.find(JobEntity, {
      where: { kind, status: 'QUEUED' },
      select: { id: true },
      order: { createdAt: 'ASC', id: 'ASC' },
      take: mostOffered,
    });
    if (queued.length === mostOffered) this.#more.add(kind);
    if (queued.length === 0 || !this.#open) return;
    await this.#queues.get(kind)!.addBulk(queued.map(({ id }) => ({ name: id, data: null, opts: { jobId: id, ...deliveryOptions } })));
  }

  reread(): void {
    // A delivery is compared with its row when its turn comes.
  }

  hold(kind: string, held: boolean): void {
    if (held) this.#held.add(kind);
    else this.#held.delete(kind);
    const worker = this.#workers.get(kind);
    if (held) void worker?.pause(true);
    else {
      void worker?.resume();
      this.wake(kind);
    }
  }

  async problem(): Promise<{ message: Saying; remedy: Saying } | null> {
    try {
      const memory = await this.#redis.info('memory');
      if (this.#open && !this.#cleared)
        return {
          message: { en: 'The Redis of the job queue is being made ready.', ja: 'ジョブ待ち行列の Redis を準備しています。' },
          remedy: { en: 'Jobs begin by themselves.', ja: 'ジョブは自動的に始まります。' },
        };
      const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? 'noeviction';
      if (policy === 'noeviction') return null;
      return {
        message: {
          en: `The Redis of the job queue may throw jobs away when it is full: its policy is ${policy}.`,
          ja: `ジョブ待ち行列の Redis は、満杯になるとジョブを捨てることがあります（maxmemory-policy: ${policy}）。`,
        },
        remedy: {
          en: 'Set maxmemory-policy to noeviction, and keep the cache in another Redis.',
          ja: 'maxmemory-policy を noeviction にし、キャッシュは別の Redis に置いてください。',
        },
      };
    } catch (error) {
      return {
        message: {
          en: `The Redis of the job queue does not answer: ${messageOf(error)}. Jobs wait.`,
          ja: `ジョブ待ち行列の Redis が応答しません（${messageOf(error)}）。ジョブは待っています。`,
        },
        remedy: {
          en: 'Start Redis or correct REDIS_URL. Jobs go on by themselves once it answers.',
          ja: 'Redis を起動するか、REDIS_URL を直してください。応答が戻ればジョブは自動的に続きます。',
        },
      };
    }
  }

  async stop(): Promise<void> {
    this.#open = false;
    if (this.#timer) clearInterval(this.#timer);
    await Promise.allSettled(this.#given);
    // What waits for a Redis that is away, or answers nothing, would wait without end; nothing of it is needed any more.
    await Promise.race([this.#close(), delay(answerMs, undefined, { ref: false })]);
    this.#redis.disconnect();
  }

  async #close(): Promise<void> {
    const force = this.#away;
    await Promise.allSettled([...this.#workers.values()].map((worker) => worker.close(force)));
    await Promise.allSettled([...this.#offering.values()]);
    await Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()));
  }

  #isAway(error: unknown): void {
    if (!this.#away && this.#open) this.log.warn({ reason: messageOf(error) }, 'the Redis of the job queue does not answer; jobs wait for it');
    this.#away = true;
  }
}

const deliveryOptions = { removeOnComplete: true, removeOnFail: true };

/** BullMQ's workers hold a connection that waits for work: it must not give up. */
function workerConnection(address: string): ConnectionOptions {
  const { hostname, port, username, password, pathname, protocol } = new URL(address);
  return {
    host: hostname,
    port: Number(port || 6379),
    ...(username ? { username: decodeURIComponent(username) } : {}),
    ...(password ? { password: decodeURIComponent(password) } : {}),
    db: Number(pathname.slice(1) || 0),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
    maxRetriesPerRequest: null,
    retryStrategy: (attempt: number) => Math.min(5000, attempt * 200),
  };
}
