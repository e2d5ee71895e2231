import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type Settings } from '../../config/index.js';
import { AppError, messageOf } from '../errors.js';
import { type Logger } from '../logging/index.js';
import { ChromaConnection } from './chroma-connection.js';
import { ChromaServer } from './chroma-server.js';

export type LinkSettings = Pick<Settings, 'CHROMA_URL' | 'CHROMA_TIMEOUT_MS' | 'DATA_DIR'>;

/** Missed heartbeats after which our own server is taken for hung. */
const missedBeforeRestart = 3;
const watchEveryMs = 1000;

/** The way to ChromaDB: our own server or one that runs elsewhere, whether it answers, and calls that end in time. */
export class ChromaLink {
  #connection: ChromaConnection | null = null;
  #available = false;
  #downReason = 'ChromaDB has not started yet';
  #missed = 0;
  #watch: NodeJS.Timeout | null = null;
  #stopping = false;
  readonly #server: ChromaServer | null;
  readonly #events = new EventEmitter().setMaxListeners(0);

  constructor(
    private readonly settings: LinkSettings,
    private readonly log: Logger,
  ) {
    this.#server = settings.CHROMA_URL
      ? null
      : new ChromaServer(
          settings.DATA_DIR,
          log,
          (url) => this.#connect(url),
          (reason) => this.#lose(reason),
        );
  }

  get available(): boolean {
    return this.#available;
  }

  /** Process id of our own server, null for one that runs elsewhere. */
  get serverPid(): number | null {
    return this.#server?.pid ?? null;
  }

  async start(): Promise<void> {
    if (this.#server) await this.#server.start();
    else await this.#probeOutside();
    this.#watch = setInterval(() => void this.#beat(), watchEveryMs);
  }

  async #probeOutside(): Promise<void> {
    const url = this.settings.CHROMA_URL.replace(/\/$/, '');
    try {
      const response = await fetch(`${url}/api/v2/heartbeat`, { signal: AbortSignal.timeout(Math.min(3000, this.settings.CHROMA_TIMEOUT_MS)) });
      if (!response.ok) throw new Error(`answered ${response.status}`);
      this.#connect(url);
    } catch (error) {
      this.#lose(`the ChromaDB server at CHROMA_URL does not answer: ${messageOf(error)}`);
    }
  }

  async #beat(): Promise<void> {
    if (this.#stopping) return;
    if (!this.#available) {
      if (!this.#server) await this.#probeOutside();
      return;
    }
    try {
      await this.ping();
      this.#missed = 0;
    } catch {
      this.#missed += 1;
      if (this.#missed < missedBeforeRestart) return;
      this.#missed = 0;
      this.#lose('ChromaDB does not answer');
      this.#server?.restart();
    }
  }

  #connect(url: string): void {
    this.#connection?.close();
    this.#connection = new ChromaConnection(url, this.settings.CHROMA_TIMEOUT_MS);
    if (this.#available) return;
    this.#available = true;
    this.log.info('ChromaDB answers');
    this.#events.emit('change', true);
  }

  #lose(reason: string): void {
    this.#downReason = reason;
    if (!this.#available) return;
    this.#available = false;
    this.log.warn({ reason }, 'ChromaDB is down');
    this.#events.emit('change', false);
  }

  onAvailabilityChange(listener: (available: boolean) => void): void {
    this.#events.on('change', listener);
  }

  whenAvailable(signal: AbortSignal): Promise<void> {
    if (this.#available) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = () => {
        if (!this.#available && !signal.aborted) return;
        this.#events.off('change', settle);
        signal.removeEventListener('abort', settle);
        if (signal.aborted) reject(signal.reason instanceof Error ? signal.reason : new Error('interrupted'));
        else resolve();
      };
      this.#events.on('change', settle);
      signal.addEventListener('abort', settle);
      if (signal.aborted) settle();
    });
  }

  #live(): ChromaConnection {
    if (!this.#available || !this.#connection) {
      throw new AppError(
        'UNAVAILABLE',
        { en: `The vector index is down: ${this.#downReason}.`, ja: `ベクトル索引が停止しています: ${this.#downReason}。` },
        { en: 'Wait a moment: it is restarted by itself. Search goes on by words.', ja: '自動的に再起動するまでお待ちください。検索は語句で続きます。' },
      );
    }
    return this.#connection;
  }

  /** Runs a call; a connection that broke counts as the server being down. */
  async call<T>(work: (connection: ChromaConnection) => Promise<T>): Promise<T> {
    const connection = this.#live();
    const controller = new AbortController();
    const deadline = delay(this.settings.CHROMA_TIMEOUT_MS, null, { ref: false, signal: controller.signal }).then(() => {
      throw new AppError(
        'UNAVAILABLE',
        {
          en: `ChromaDB did not answer within ${this.settings.CHROMA_TIMEOUT_MS} ms.`,
          ja: `ChromaDB が ${this.settings.CHROMA_TIMEOUT_MS} ミリ秒以内に応答しませんでした。`,
        },
        { en: 'Look at the health page.', ja: '稼働状況を確認してください。' },
      );
    });
    deadline.catch(() => undefined); // Given up once the answer is there.
    try {
      return await Promise.race([work(connection), deadline]);
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (this.#connection === connection && !(await connection.responds())) {
        this.#lose(messageOf(error));
        throw new AppError(
          'UNAVAILABLE',
          { en: `The vector index is down: ${messageOf(error)}.`, ja: `ベクトル索引が停止しています: ${messageOf(error)}。` },
          { en: 'Wait a moment: it is restarted by itself.', ja: '自動的に再起動するまでお待ちください。' },
        );
      }
      throw error;
    } finally {
      controller.abort();
    }
  }

  async ping(): Promise<void> {
    const { url } = this.#live();
    const response = await fetch(`${url}/api/v2/heartbeat`, { signal: AbortSignal.timeout(2000) });
    if (!response.ok) throw new Error(`ChromaDB answered ${response.status}`);
    await response.arrayBuffer();
  }

  async startAfresh(): Promise<boolean> {
    await this.#server?.startAfresh();
    return this.#server !== null;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#watch) clearInterval(this.#watch);
    await this.#connection?.destroy();
    await this.#server?.stop();
  }
}
