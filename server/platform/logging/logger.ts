import { EventEmitter } from 'node:events';
import { mkdirSync } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { type Level, type Logger, multistream, pino } from 'pino';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';
import { currentScope } from './scope.js';

export type { Level, Logger };

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const satisfies Level[];

const logFile = 'erpfts.log';
const reopenMs = 10_000;

export interface LogFileOptions {
  directory: string;
  /** A file that grew beyond this is put aside. */
  maxBytes: number;
  /** Files kept beside the one that is written. */
  count: number;
}

/** Of an error, no more than tells where it came from: a database's error lists the values of its statement, which are texts of documents. */
function errorFields(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code } = error as { code?: unknown };
  const cause = error.cause === undefined ? {} : { cause: errorFields(error.cause) };
  return { type: error.name, message: error.message, ...(code === undefined ? {} : { code }), stack: error.stack, ...cause };
}

/**
 * JSON lines on standard error and, once `toFiles` was called, in files that are rotated. Objects logged here never hold document
 * text, queries, keys or tokens; the redaction below is the second line of defence.
 */
export class Logging {
  readonly root: Logger;
  readonly #features: Logger[] = [];
  readonly #levelListeners: ((before: Level, after: Level) => void)[] = [];
  readonly #streams = multistream([]);
  readonly #lines = new EventEmitter().setMaxListeners(0);
  #file: RotatingFileStream | null = null;
  #fileOptions: LogFileOptions | null = null;
  #closed = false;

  constructor(level: Level) {
    this.#streams.add({ level: 'trace', stream: pino.destination({ fd: 2, sync: false }) });
    this.root = pino(
      {
        level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        serializers: { err: errorFields },
        // A copy: pino writes each line's own fields into what it is given.
        mixin: () => ({ ...currentScope() }),
        redact: {
          paths: ['*.authorization', '*.cookie', '*.token', '*.key', '*.password', 'authorization', 'cookie', 'token', 'key', 'password'],
          censor: '[hidden]',
        },
      },
      this.#streams,
    );
  }

  /** A logger whose lines name the feature. */
  feature(name: string): Logger {
    const child = this.root.child({ feature: name });
    this.#features.push(child);
    return child;
  }

  get level(): Level {
    return this.root.level as Level;
  }

  /** From now on, for all features. */
  setLevel(level: Level): void {
    const before = this.level;
    for (const logger of [this.root, ...this.#features]) logger.level = level;
    if (before !== level) for (const listener of this.#levelListeners) listener(before, level);
  }

  /** Called with the level before and after a change. */
  onLevelChange(listener: (before: Level, after: Level) => void): void {
    this.#levelListeners.push(listener);
  }

  /** Writes to `erpfts.log` in a directory as well, from now on. */
  toFiles(options: LogFileOptions): void {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    this.#fileOptions = options;
    this.#openFile();
    this.#streams.add({ level: 'trace', stream: { write: (line: string) => void this.#file?.write(line) } });
    const tap = new Writable({
      write: (line: Buffer, _encoding, done) => {
        if (this.#lines.listenerCount('line') > 0) this.#lines.emit('line', line.toString());
        done();
      },
    });
    this.#streams.add({ level: 'trace', stream: tap });
  }

  #openFile(): void {
    if (this.#closed || !this.#fileOptions) return;
    const { directory, maxBytes, count } = this.#fileOptions;
    const file = createStream(logFile, { path: directory, size: `${maxBytes}B`, rotate: count, mode: 0o600 });
    this.#file = file;
    // A full disk must not end the server, nor the log for good: what cannot be written meanwhile is still on standard error.
    file.once('error', () => {
      if (this.#file !== file) return;
      this.#file = null;
      setTimeout(() => this.#openFile(), reopenMs).unref();
    });
    file.on('error', () => undefined);
  }

  /** Puts the file that is written aside, and begins another. @returns false where there is none, or it is empty */
  async rotate(): Promise<boolean> {
    const [file, options] = [this.#file, this.#fileOptions];
    if (!file || !options) return false;
    const named = (age: number) => join(options.directory, age === 0 ? logFile : `${logFile}.${age}`);
    if (((await stat(named(0)).catch(() => null))?.size ?? 0) === 0) return false;
    for (let age = options.count - 1; age >= 0; age--) await rename(named(age), named(age + 1)).catch(() => undefined);
    // What is on its way still goes to the file that was put aside.
    this.#openFile();
    await new Promise<void>((resolve) => file.end(resolve));
    return true;
  }

  /** Calls `listener` with every line from now on. @returns a function that ends that */
  onLine(listener: (line: string) => void): () => void {
    this.#lines.on('line', listener);
    return () => void this.#lines.off('line', listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const file = this.#file;
    this.#file = null;
    if (file) await new Promise<void>((resolve) => file.end(resolve));
  }
}

/** A logger to standard error alone. */
export const createLogger = (level: Level): Logger => new Logging(level).root;
