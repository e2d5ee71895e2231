import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Settings } from '../config/index.js';
import { ReadingError } from './reading/blocks.js';
import {
  type ChunkTask,
  type ExtractReply,
  type ExtractTask,
  type PreparedChunk,
  type ReaderReply,
  type ReaderRequest,
  type ReaderResult,
  type ReaderTask,
  type ReadReply,
  type ReadTask,
} from './reading/protocol.js';

type PoolSettings = Pick<Settings, 'PARSER_WORKERS' | 'PARSER_TIMEOUT_MS' | 'PARSER_MEMORY_MB'>;

interface Work {
  task: ReaderTask;
  signal: AbortSignal;
  resolve: (result: ReaderResult) => void;
  reject: (error: unknown) => void;
  attempts: number;
}

interface Reader {
  child: ChildProcess;
  work: Work | null;
  ready: boolean;
  timer: NodeJS.Timeout | null;
}

/** A reader takes two seconds of processor time to start: it is kept from one handful of documents to the next. */
const idleMs = 300_000;
const mostAttempts = 2;

/**
 * Processes that read documents, with limits on time and memory: a hostile file may end one of them, never the server.
 * Started when needed, ended when idle.
 */
export class ReaderPool {
  readonly #readers = new Set<Reader>();
  readonly #queue: Work[] = [];
  #nextId = 1;
  #closed = false;

  constructor(private readonly settings: PoolSettings) {}

  /** Process ids of the readers that live. */
  get pids(): number[] {
    return [...this.#readers].flatMap(({ child }) => child.pid ?? []);
  }

  extract(task: ExtractTask, signal: AbortSignal): Promise<ExtractReply> {
    return this.#submit({ task: 'extract', ...task }, signal) as Promise<ExtractReply>;
  }

  chunk(task: ChunkTask, signal: AbortSignal): Promise<PreparedChunk[]> {
    return this.#submit({ task: 'chunk', ...task }, signal) as Promise<PreparedChunk[]>;
  }

  /** Both in one visit, for documents of which neither takes long. */
  read(task: ReadTask, signal: AbortSignal): Promise<ReadReply> {
    return this.#submit({ task: 'read', ...task }, signal) as Promise<ReadReply>;
  }

  #submit(task: ReaderTask, signal: AbortSignal): Promise<ReaderResult> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const work: Work = { task, signal, resolve, reject, attempts: 0 };
      signal.addEventListener('abort', () => this.#abort(work), { once: true });
      this.#queue.push(work);
      this.#dispatch();
    });
  }

  #abort(work: Work): void {
    const at = this.#queue.indexOf(work);
    if (at >= 0) this.#queue.splice(at, 1);
    for (const reader of this.#readers) if (reader.work === work) this.#end(reader);
    work.reject(work.signal.reason);
  }

  #dispatch(): void {
    if (this.#closed) return;
    for (const reader of this.#readers) {
      if (reader.work || !reader.ready || this.#queue.length === 0) continue;
      this.#give(reader, this.#queue.shift()!);
    }
    const idle = [...this.#readers].filter((reader) => !reader.work).length;
    for (let i = idle; i < this.#queue.length && this.#readers.size < this.settings.PARSER_WORKERS; i++) this.#launch();
  }

  #launch(): void {
    const child = fork(fileURLToPath(new URL('./reading/reader-child.js', import.meta.url)), [], {
      serialization: 'advanced',
      execArgv: [`--max-old-space-size=${this.settings.PARSER_MEMORY_MB}`],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const reader: Reader = { child, work: null, ready: false, timer: null };
    this.#readers.add(reader);
    child.on('message', (reply: ReaderReply) => this.#receive(reader, reply));
    child.on('error', () => this.#lost(reader));
    child.on('exit', () => this.#lost(reader));
  }

  #give(reader: Reader, work: Work): void {
    reader.work = work;
    work.attempts += 1;
    if (reader.timer) clearTimeout(reader.timer);
    reader.timer = setTimeout(() => this.#timeout(reader, work), this.settings.PARSER_TIMEOUT_MS);
    reader.child.send({ ...work.task, id: this.#nextId++ } as ReaderRequest);
  }

  #timeout(reader: Reader, work: Work): void {
    const seconds = Math.round(this.settings.PARSER_TIMEOUT_MS / 1000);
    this.#end(reader);
    work.reject(new ReadingError('TIMEOUT', `Reading the document took longer than ${seconds} s.`, 'Split it, or raise PARSER_TIMEOUT_MS.'));
  }

  #receive(reader: Reader, reply: ReaderReply): void {
    reader.ready = true;
    const { work } = reader;
    if (reader.timer) clearTimeout(reader.timer);
    reader.work = null;
    if (reply.id !== 0 && work) {
      if ('result' in reply) work.resolve(reply.result);
      else work.reject(new ReadingError(reply.failure.code, reply.failure.message, reply.failure.remedy));
    }
    reader.timer = setTimeout(() => this.#end(reader), idleMs).unref();
    this.#dispatch();
  }

  #end(reader: Reader): void {
    this.#readers.delete(reader);
    if (reader.timer) clearTimeout(reader.timer);
    reader.work = null;
    reader.child.kill('SIGKILL');
    this.#dispatch();
  }

  /** A process that ended by itself: once may be the fault of what it read before, twice is the document's. */
  #lost(reader: Reader): void {
    if (!this.#readers.delete(reader)) return;
    if (reader.timer) clearTimeout(reader.timer);
    const { work } = reader;
    if (work && work.attempts < mostAttempts) this.#queue.unshift(work);
    else
      work?.reject(
        new ReadingError(
          'CORRUPT',
          'The document made its reader fail: it is damaged, or needs more memory than PARSER_MEMORY_MB allows.',
          'Save it again in the program it comes from, split it, or raise PARSER_MEMORY_MB.',
        ),
      );
    this.#dispatch();
  }

  close(): void {
    this.#closed = true;
    for (const reader of [...this.#readers]) this.#end(reader);
  }
}
