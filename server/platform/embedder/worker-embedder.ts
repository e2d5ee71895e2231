import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type Settings } from '../../config/index.js';
import { AppError, messageOf } from '../errors.js';
import { type Logger } from '../logging/index.js';
import { type WorkerReply, type WorkerRequest, type WorkerSetup } from './embedder-worker.js';
import { type Embedder, type EmbedderState, type PassageOptions } from './embedder.js';
import { type ModelFiles } from './model-files.js';
import { letIn, newGate, ownRuntime } from './native-runtime.js';
import { ThreadChoice } from './thread-choice.js';

type EmbedderSettings = Pick<
  Settings,
  'EMBEDDING_WORKERS' | 'EMBEDDING_THREADS' | 'EMBEDDING_QUERY_THREADS' | 'EMBEDDING_LOW_MEMORY' | 'EMBEDDING_WORKER_IDLE_SECONDS'
>;

interface Task {
  text: string;
  resolve: (vector: Float32Array) => void;
  reject: (error: unknown) => void;
  signal: AbortSignal | undefined;
  attempts: number;
  /** Of a query that was on its own when it began. */
  alone: { choice: ThreadChoice; bySeveral: boolean; since: number } | null;
}

/** The worker kept for queries helps with passages only after this long without a query. */
const idleAfterMs = 2000;
/** Queries that may wait for the worker kept for them before the others are started for their sake. */
const mostQueriesAlone = 1;
/** A query that comes so long after the last one finds the worker at rest. */
const restMs = 15;
const queryPrefix = 'query: ';
const mostAttempts = 2;
const mostRestarts = 5;
/** The longest text takes about a second, and loading the model two. */
const longestRunMs = 10_000;

class Slot {
  worker: Worker | null = null;
  launched = false;
  task: Task | null = null;
  ready = false;
  /** It was let in, and may be in the middle of native code. */
  entered = false;
  restarts = 0;
  lastUsedAt = 0;
  constructor(readonly forQueries: boolean) {}
}

/** Lets a worker bring what it does to its end: ONNX Runtime aborts the process where its thread is ended under it. */
async function end({ worker, entered }: Pick<Slot, 'worker' | 'entered'>): Promise<void> {
  if (!worker) return;
  if (!entered) return void (await worker.terminate());
  const ended = once(worker, 'exit').catch(() => undefined);
  worker.postMessage('end');
  await Promise.race([ended, delay(longestRunMs, undefined, { ref: false })]);
  await worker.terminate();
}

/**
 * Embeds in worker threads, because ONNX Runtime blocks the thread it runs on: one kept for queries, the others for
 * passages, one text at a time (padding costs more than batching gains). Whoever is free takes a waiting query first.
 * Those for passages start when first something waits.
 */
export class WorkerEmbedder implements Embedder {
  readonly model: string;
  readonly folder: string;
  state: EmbedderState = 'loading';
  failure: string | null = null;
  dimensions: number | null = null;
  readonly #queries: Task[] = [];
  readonly #passages: Task[] = [];
  readonly #background: Task[] = [];
  readonly #slots: Slot[];
  /** Right after another query threads are awake and weights in the processor's caches: what is faster after a rest is another matter. */
  readonly #threads = { inARow: new ThreadChoice(), afterRest: new ThreadChoice() };
  #lastQueryAt = 0;
  #nextId = 1;
  #idleTimer: NodeJS.Timeout | null = null;
  readonly #release: NodeJS.Timeout;
  /** Workers that had nothing to do and are on their way out. */
  readonly #ending = new Set<Promise<void>>();
  readonly #ready: Promise<void>;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (error: Error) => void = () => undefined;

  constructor(
    files: ModelFiles,
    private readonly settings: EmbedderSettings,
    private readonly log: Logger,
  ) {
    this.model = files.name;
    this.folder = files.folder;
    ownRuntime();
    this.#ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.#ready.catch(() => undefined);
    const passageWorkers = settings.EMBEDDING_LOW_MEMORY ? 0 : settings.EMBEDDING_WORKERS;
    this.#slots = [new Slot(true), ...Array.from({ length: passageWorkers }, () => new Slot(false))];
    this.#launch(this.#slots[0]!);
    this.#release = setInterval(() => this.#releaseIdle(), settings.EMBEDDING_WORKER_IDLE_SECONDS * 500).unref();
  }

  get pending(): number {
    return this.#passages.length + this.#background.length + this.#slots.filter((slot) => slot.task !== null).length;
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  embedQuery(text: string): Promise<Float32Array> {
    this.#lastQueryAt = Date.now();
    return this.#submit(this.#queries, queryPrefix + text);
  }

  embedPassage(text: string, { signal, background = false }: PassageOptions = {}): Promise<Float32Array> {
    return this.#submit(background ? this.#background : this.#passages, `passage: ${text}`, signal);
  }

  #submit(queue: Task[], text: string, signal?: AbortSignal): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      if (this.state === 'failed' || this.state === 'closed') {
        reject(
          new AppError(
            'UNAVAILABLE',
            {
              en: `The embedding model is not available: ${this.failure ?? 'the server is stopping'}.`,
              ja: `埋め込みモデルを使えません: ${this.failure ?? 'サーバーが停止中です'}。`,
            },
            { en: 'Search goes on by words; look at the health page.', ja: '検索は語句で続きます。稼働状況を確認してください。' },
          ),
        );
        return;
      }
      queue.push({ text, resolve, reject, signal, attempts: 0, alone: null });
      this.#dispatch();
      // A model is loaded once more only where there is work for it: it takes seconds of a core, and memory.
      if (queue.length > (queue === this.#queries ? mostQueriesAlone : 0)) for (const slot of this.#slots) if (!slot.launched) this.#launch(slot);
    });
  }

  #launch(slot: Slot): void {
    slot.launched = true;
    const gate = newGate();
    const worker = new Worker(new URL('./embedder-worker.js', import.meta.url), {
      workerData: {
        folder: this.folder,
        gate,
        // 0: this worker never sees a query, and makes no session for one.
        queryThreads: slot.forQueries ? this.settings.EMBEDDING_QUERY_THREADS : 0,
        passageThreads: this.settings.EMBEDDING_THREADS,
      } satisfies WorkerSetup,
    });
    slot.worker = worker;
    slot.entered = false;
    slot.ready = false;
    worker.on('message', (reply: WorkerReply) => {
      if (!('loading' in reply)) this.#receive(slot, reply);
      // One that is being ended stays behind its gate.
      else if (slot.worker === worker && this.state !== 'closed') {
        slot.entered = true;
        letIn(gate);
      }
    });
    worker.on('error', (error) => this.#lost(slot, worker, error));
    worker.on('exit', (code) => this.#lost(slot, worker, new Error(`the worker ended with code ${code}`)));
  }

  #receive(slot: Slot, reply: Exclude<WorkerReply, { loading: true }>): void {
    if ('ready' in reply) {
      slot.ready = true;
      slot.lastUsedAt = Date.now();
      this.dimensions = reply.ready;
      if (this.state === 'loading') {
        this.state = 'ready';
        this.#resolveReady();
      }
    } else {
      const task = slot.task;
      slot.task = null;
      slot.restarts = 0;
      slot.lastUsedAt = Date.now();
      if (task?.alone) task.alone.choice.took(task.alone.bySeveral, performance.now() - task.alone.since);
      if ('vector' in reply) task?.resolve(reply.vector);
      else task?.reject(new Error(reply.error));
    }
    this.#dispatch();
  }

  /** Ends the workers for passages that have had nothing to do for long: each holds the model once more. They start again with the next work. */
  #releaseIdle(): void {
    const before = Date.now() - this.settings.EMBEDDING_WORKER_IDLE_SECONDS * 1000;
    for (const slot of this.#slots) {
      if (slot.forQueries || !slot.ready || slot.task || slot.lastUsedAt > before) continue;
      const { worker, entered } = slot;
      slot.worker = null;
      slot.ready = false;
      slot.launched = false;
      const ended = end({ worker, entered }).finally(() => this.#ending.delete(ended));
      this.#ending.add(ended);
    }
  }

  #lost(slot: Slot, worker: Worker, error: Error): void {
    if (slot.worker !== worker || this.state === 'closed') return;
    slot.worker = null;
    slot.ready = false;
    slot.restarts += 1;
    const task = slot.task;
    slot.task = null;
    if (task) {
      task.attempts += 1;
      if (task.attempts >= mostAttempts) task.reject(new Error(`the embedding worker ended twice on this text: ${messageOf(error)}`));
      else (task.text.startsWith(queryPrefix) ? this.#queries : this.#passages).unshift(task);
    }
    if (slot.restarts > mostRestarts) {
      if (this.#slots.some((other) => other.worker)) return;
      this.#fail(messageOf(error));
      return;
    }
    this.log.warn({ err: error, restart: slot.restarts }, 'an embedding worker ended; it is started again');
    void delay(200 * 2 ** slot.restarts, undefined, { ref: false }).then(() => {
      if (this.state !== 'closed' && this.state !== 'failed') this.#launch(slot);
    });
  }

  #fail(reason: string): void {
    this.state = 'failed';
    this.failure = reason;
    const error = new AppError('UNAVAILABLE', { en: `The embedding model is not available: ${reason}.`, ja: `埋め込みモデルを使えません: ${reason}。` });
    this.#rejectReady(error);
    for (const task of [...this.#queries.splice(0), ...this.#passages.splice(0), ...this.#background.splice(0)]) task.reject(error);
  }

  #take(slot: Slot): Task | null {
    const query = this.#queries.shift();
    if (query) return query;
    const alone = this.#slots.length === 1;
    if (slot.forQueries && !alone && Date.now() - this.#lastQueryAt < idleAfterMs) {
      if (this.#passages.length + this.#background.length > 0) this.#wakeWhenIdle();
      return null;
    }
    for (;;) {
      const passage = this.#passages.shift() ?? this.#background.shift();
      if (!passage) return null;
      if (!passage.signal?.aborted) return passage;
      passage.reject(passage.signal.reason);
    }
  }

  #wakeWhenIdle(): void {
    this.#idleTimer ??= setTimeout(() => {
      this.#idleTimer = null;
      this.#dispatch();
    }, idleAfterMs).unref();
  }

  #dispatch(): void {
    for (const slot of this.#slots) {
      if (!slot.ready || slot.task || !slot.worker) continue;
      const task = this.#take(slot);
      if (!task) continue;
      slot.task = task;
      task.alone = slot.forQueries && this.#isOnlyQuery(task) ? this.#choose(slot) : null;
      slot.worker.postMessage({ id: this.#nextId++, text: task.text, allThreads: task.alone?.bySeveral ?? false } satisfies WorkerRequest);
    }
  }

  #choose({ lastUsedAt }: Slot): Task['alone'] {
    const choice = Date.now() - lastUsedAt < restMs ? this.#threads.inARow : this.#threads.afterRest;
    return { choice, bySeveral: choice.next(), since: performance.now() };
  }

  /** A query on its own may be done sooner by several threads; of several at once, more are done by a thread each. */
  #isOnlyQuery(task: Task): boolean {
    const isQuery = ({ text }: Task) => text.startsWith(queryPrefix);
    return isQuery(task) && this.#queries.length === 0 && this.#slots.every((slot) => slot.task === null || slot.task === task || !isQuery(slot.task));
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return;
    this.state = 'closed';
    if (this.#idleTimer) clearTimeout(this.#idleTimer);
    clearInterval(this.#release);
    const error = new AppError('UNAVAILABLE', { en: 'The server is stopping.', ja: 'サーバーが停止中です。' });
    this.#rejectReady(error);
    for (const task of [...this.#queries.splice(0), ...this.#passages.splice(0), ...this.#background.splice(0)]) task.reject(error);
    for (const slot of this.#slots) slot.task?.reject(error);
    await Promise.all([...this.#slots.map(end), ...this.#ending]);
  }
}
