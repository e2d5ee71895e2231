import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { packageRoot } from '../../server/config/index.js';
import { cleanEnvironment } from './environment.js';

export interface GraphqlAnswer<T> {
  status: number;
  data: T | null;
  errors: { message: string; path?: (string | number)[]; extensions: { code: string; remedy?: string } }[];
}

export interface UploadFile {
  name: string;
  content: string | Uint8Array<ArrayBuffer>;
}

export interface UploadResult {
  fileName: string;
  job: { id: string; kind: string } | null;
  document: { id: string } | null;
  duplicateOf: { id: string; tags: string[]; aliases: string[] } | null;
  error: { code: string; message: string; remedy: string | null } | null;
}

export interface DocumentState {
  id: string;
  title: string;
  status: string;
  chunkCount: number;
  error: { code: string; message: string; remedy: string | null; stage: string | null } | null;
}

const endNoticeMs = 300;
const startTimeoutMs = 90_000;

/** A server of its own: the built program in a process, on a free port and a fresh data directory. */
export class TestServer {
  url = '';
  signInLink: string | null = null;
  log = '';
  #child: ChildProcess | null = null;
  readonly #sockets: (() => void)[] = [];

  private constructor(
    readonly dataDir: string,
    readonly env: Readonly<Record<string, string>>,
    private readonly node: string,
  ) {}

  /** @param node the program that runs it, this process's own by default */
  static async start(env: Record<string, string> = {}, dataDir?: string, node = process.execPath): Promise<TestServer> {
    const server = new TestServer(dataDir ?? (await mkdtemp(join(tmpdir(), 'erpfts-test-'))), env, node);
    await server.boot();
    return server;
  }

  /** The same data under further settings, once this one has stopped. */
  async restarted(env: Record<string, string>): Promise<TestServer> {
    return TestServer.start({ ...this.env, ...env }, this.dataDir, this.node);
  }

  /** Starts the process, again after a stop or a kill. */
  async boot(): Promise<void> {
    const child = spawn(this.node, [join(packageRoot, 'dist/server/cli.js'), 'serve'], {
      cwd: this.dataDir,
      env: {
        ...cleanEnvironment(),
        UV_THREADPOOL_SIZE: '12',
        PORT: '0',
        LOG_LEVEL: 'warn',
        SEARCH_MEANING_TIMEOUT_MS: '20000',
        DATA_DIR: this.dataDir,
        ...this.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let out = '';
    child.stderr.on('data', (data: Buffer) => (this.log += data.toString()));
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the server did not start in time\n${this.log}`)), startTimeoutMs);
      child.stdout.on('data', (data: Buffer) => {
        out += data.toString();
        const address = /ERPFTS is at (\S+)\n/.exec(out);
        if (!address) return;
        this.url = address[1]!;
        // The link follows in the same write.
        this.signInLink = /: (http\S+sign-in\S+)/.exec(out)?.[1] ?? null;
        clearTimeout(timer);
        resolve();
      });
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        reject(new Error(`the server ended with ${signal ?? code} while starting\n${this.log}`));
      });
    });
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get key(): string {
    return this.env['ADMIN_API_KEY'] ?? readFileSync(join(this.dataDir, 'admin.key'), 'utf8').trim();
  }

  get authorization(): string {
    return `Bearer ${this.key}`;
  }

  /** Sends an operation and answers whatever comes back. */
  async send<T>(
    query: string,
    variables: Record<string, unknown> = {},
    headers: Record<string, string> = { authorization: this.authorization },
  ): Promise<GraphqlAnswer<T>> {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query, variables }),
    }).catch(async (error: unknown) => {
      throw (await this.#unexpectedEnd()) ?? error;
    });
    const body = (await response.json()) as Partial<GraphqlAnswer<T>>;
    return { status: response.status, data: body.data ?? null, errors: body.errors ?? [] };
  }

  /** Where the process has ended although nobody asked it to: how, and what it said last. */
  async #unexpectedEnd(): Promise<Error | null> {
    const child = this.#child;
    if (!child) return null;
    await delay(endNoticeMs); // The connection breaks first.
    const { exitCode, signalCode } = child;
    return exitCode === null && signalCode === null ? null : new Error(`the server ended with ${signalCode ?? exitCode}\n${this.log.slice(-4000)}`);
  }

  /** Sends an operation that is expected to succeed. */
  async ask<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
    const { data, errors } = await this.send<T>(query, variables);
    if (errors.length > 0 || !data)
      throw new Error(`${errors.map((error) => `${error.extensions.code}: ${error.message}`).join('\n')}\n${this.log.slice(-2000)}`);
    return data;
  }

  async upload(files: UploadFile[], options: { tags?: string[]; batchId?: string } = {}): Promise<UploadResult[]> {
    const form = new FormData();
    const query = `mutation($files: [Upload!]!, $tags: [String!], $batchId: ID) {
      uploadDocuments(files: $files, tags: $tags, batchId: $batchId) { fileName job { id kind } document { id } duplicateOf { id tags aliases } error { code message remedy } } }`;
    form.set('operations', JSON.stringify({ query, variables: { ...options, files: files.map(() => null) } }));
    form.set('map', JSON.stringify(Object.fromEntries(files.map((_, index) => [index, [`variables.files.${index}`]]))));
    for (const [index, { name, content }] of files.entries()) form.set(String(index), new Blob([content]), name);
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { authorization: this.authorization, 'apollo-require-preflight': '1' },
      body: form,
    });
    const body = (await response.json()) as GraphqlAnswer<{ uploadDocuments: UploadResult[] }>;
    if (!body.data) throw new Error(JSON.stringify(body.errors));
    return body.data.uploadDocuments;
  }

  /** Uploads and waits until the document is READY or FAILED. */
  async take(name: string, content: UploadFile['content'], options: { tags?: string[] } = {}): Promise<DocumentState> {
    const [result] = await this.upload([{ name, content }], options);
    const id = result?.document?.id ?? result?.duplicateOf?.id;
    if (!id) throw new Error(`${name} was refused: ${JSON.stringify(result?.error)}`);
    return this.settled(id);
  }

  async settled(id: string, timeoutMs = 120_000): Promise<DocumentState> {
    return until(
      async () => {
        const { document } = await this.ask<{ document: DocumentState | null }>(
          'query($id: ID!) { document(id: $id) { id title status chunkCount error { code message remedy stage } } }',
          { id },
        );
        return document && (document.status === 'READY' || document.status === 'FAILED') ? document : null;
      },
      timeoutMs,
      `document ${id} to be settled`,
    );
  }

  async jobDone(id: string, timeoutMs = 120_000): Promise<{ status: string; error: string | null; result: unknown }> {
    return until(
      async () => {
        const { job } = await this.ask<{ job: { status: string; error: string | null; result: unknown } | null }>(
          'query($id: ID!) { job(id: $id) { status error result } }',
          { id },
        );
        return job && !['QUEUED', 'RUNNING'].includes(job.status) ? job : null;
      },
      timeoutMs,
      `job ${id} to finish`,
    );
  }

  /** Waits until no job, or none of the kinds given, waits or runs, also not in a moment. */
  async idle(timeoutMs = 300_000, kinds: string[] | null = null): Promise<void> {
    let quiet = 0;
    await until(
      async () => {
        const { jobs } = await this.ask<{ jobs: { totalCount: number } }>(
          'query($kinds: [String!]) { jobs(filter: { statuses: [QUEUED, RUNNING], kinds: $kinds }, first: 1) { totalCount } }',
          { kinds },
        );
        quiet = jobs.totalCount === 0 ? quiet + 1 : 0;
        return quiet > (kinds ? 0 : 6) ? true : null;
      },
      timeoutMs,
      'the queue to be empty',
    );
  }

  /** Events of a subscription as they come; `stop` ends it. */
  subscribe<T>(
    query: string,
    variables: Record<string, unknown> = {},
  ): { events: T[]; next: (matches: (event: T) => boolean, timeoutMs?: number) => Promise<T>; stop: () => void; opened: Promise<void> } {
    let opened: () => void = () => undefined;
    const whenOpened = new Promise<void>((resolve) => (opened = resolve));
    const client = createClient({
      url: `${this.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: { authorization: this.authorization },
      on: { connected: () => opened() },
    });
    const events: T[] = [];
    const failures: unknown[] = [];
    client.subscribe<T>(
      { query, variables },
      { next: ({ data, errors }) => (data ? events.push(data) : failures.push(errors)), error: (error) => failures.push(error), complete: () => undefined },
    );
    const stop = () => void client.dispose();
    this.#sockets.push(stop);
    const next = (matches: (event: T) => boolean, timeoutMs = 30_000) =>
      until(
        () => {
          if (failures.length > 0) throw new Error(`the subscription failed: ${JSON.stringify(failures)}`);
          return events.find(matches) ?? null;
        },
        timeoutMs,
        'an event',
      );
    return { events, next, stop, opened: whenOpened };
  }

  /** Ends the process at once, as a power cut would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Asks the process to stop. @returns its exit code */
  async quit(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    for (const stop of this.#sockets.splice(0)) stop();
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return child?.exitCode ?? null;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    return child.exitCode;
  }

  async stop(): Promise<void> {
    await this.quit();
    await rm(this.dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** Looks again and again until there is an answer. */
export async function until<T>(look: () => Promise<T | null> | T | null, timeoutMs: number, what: string, everyMs = 100): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await delay(everyMs);
  }
}
