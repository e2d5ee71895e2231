import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Logger } from '../logging/index.js';

const startTimeoutMs = 30_000;
const firstBackoffMs = 250;
const longestBackoffMs = 30_000;
/** A child that lived this long was healthy: the next fault starts again at the shortest back-off. */
const settledAfterMs = 60_000;

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.on('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => done(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/api/v2/heartbeat`, { signal: AbortSignal.timeout(1000) });
    return response.ok;
  } catch {
    return false;
  }
}

/** Our own ChromaDB: a child process on a free loopback port, restarted with back-off when it ends. */
export class ChromaServer {
  #child: ChildProcess | null = null;
  #stopping = false;
  #backoffMs = firstBackoffMs;
  readonly #stop = new AbortController();

  constructor(
    private readonly dataDir: string,
    private readonly log: Logger,
    private readonly onUp: (url: string) => void,
    private readonly onDown: (reason: string) => void,
  ) {}

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Starts the child and keeps one running until `stop`. Resolves when the first one answers or has failed. */
  async start(): Promise<void> {
    mkdirSync(this.dataDir, { recursive: true, mode: 0o700 });
    await this.#launch();
  }

  async #launch(): Promise<void> {
    if (this.#stopping) return;
    const startedAt = Date.now();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const child = spawn(process.execPath, [fileURLToPath(new URL('./chroma-child.js', import.meta.url)), resolve(this.dataDir, 'chroma'), String(port)], {
      stdio: ['pipe', 'ignore', 'pipe'],
      cwd: this.dataDir,
    });
    this.#child = child;
    let tail = '';
    child.stderr.on('data', (data: Buffer) => (tail = (tail + data.toString()).slice(-2000)));
    // Without listeners an EPIPE or a failed spawn would end the server.
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => this.log.error({ err: error }, 'ChromaDB could not be started'));
    const exited = new Promise<void>((done) => child.once('close', () => done()));
    void exited.then(() => {
      this.#child = null;
      if (this.#stopping) return;
      if (Date.now() - startedAt > settledAfterMs) this.#backoffMs = firstBackoffMs;
      const wait = this.#backoffMs;
      this.#backoffMs = Math.min(longestBackoffMs, wait * 2);
      this.log.warn({ exitCode: child.exitCode, signal: child.signalCode, stderr: tail, restartInMs: wait }, 'ChromaDB ended; it is started again');
      this.onDown(`ChromaDB ended (${child.signalCode ?? `exit code ${child.exitCode}`}); it is being started again`);
      void delay(wait, undefined, { signal: this.#stop.signal })
        .then(() => this.#launch())
        .catch(() => undefined); // Only `stop` interrupts the wait.
    });
    let over = false;
    void exited.then(() => (over = true));
    while (!over && !this.#stopping) {
      if (await answers(url)) {
        this.onUp(url);
        return;
      }
      if (Date.now() - startedAt > startTimeoutMs) {
        this.log.error({ stderr: tail }, 'ChromaDB does not answer; it is killed');
        child.kill('SIGKILL');
        return;
      }
      await delay(50);
    }
  }

  /** Kills a child that no longer answers; supervision starts the next one. */
  restart(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Sets the folder aside and lets supervision start the next child over an empty one. */
  async startAfresh(): Promise<void> {
    const child = this.#child;
    // Between its end and the next start lies at least the shortest back-off.
    if (child && child.exitCode === null) {
      const closed = new Promise<void>((done) => child.once('close', () => done()));
      child.kill('SIGKILL');
      await closed;
    }
    this.#backoffMs = firstBackoffMs;
    const folder = resolve(this.dataDir, 'chroma');
    const aside = `${folder}-${new Date().toISOString().replace(/[:.]/g, '-')}`;
    await rename(folder, aside).then(
      () => this.log.warn({ aside }, 'the folder of ChromaDB was set aside'),
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      },
    );
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#stop.abort();
    const child = this.#child;
    if (!child || child.exitCode !== null) return;
    const closed = new Promise<void>((done) => child.once('close', () => done()));
    child.stdin?.end();
    await Promise.race([closed, delay(3000).then(() => child.kill('SIGKILL'))]);
    await closed;
  }
}
