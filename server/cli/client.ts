import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { addressFile } from '../address-file.js';
import { type LoadedSettings } from '../config/index.js';

/** What the server answered with instead of data. */
export class RequestFailed extends Error {
  constructor(
    message: string,
    readonly code: string | null,
    readonly remedy: string | null,
  ) {
    super(message);
  }
}

const longestRestartMs = 120_000;
const retryMs = 500;

interface GraphqlAnswer {
  data?: Record<string, unknown> | null;
  errors?: { message: string; extensions?: { code?: string; remedy?: string } }[];
}

/** GraphQL over HTTP with the administrator's key. */
export class Client {
  constructor(
    readonly url: string,
    private readonly key: string,
  ) {}

  get authorization(): string {
    return `Bearer ${this.key}`;
  }

  async request<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
    return this.#send<T>(JSON.stringify({ query, variables }), { 'content-type': 'application/json' });
  }

  /** Sends files by the multipart request specification; `variables.files` stands for them. https://github.com/jaydenseric/graphql-multipart-request-spec */
  async upload<T>(query: string, variables: Record<string, unknown>, files: { name: string; content: Blob }[]): Promise<T> {
    const form = new FormData();
    form.set('operations', JSON.stringify({ query, variables: { ...variables, files: files.map(() => null) } }));
    form.set('map', JSON.stringify(Object.fromEntries(files.map((_, index) => [index, [`variables.files.${index}`]]))));
    for (const [index, { name, content }] of files.entries()) form.set(String(index), content, name);
    return this.#send<T>(form, {});
  }

  /** A file of the server. */
  async get(path: string): Promise<ReadableStream<Uint8Array>> {
    const response = await fetch(`${this.url}${path}`, { headers: { authorization: this.authorization } });
    if (!response.ok || !response.body) throw new RequestFailed(`The server at ${this.url} answered ${response.status} for ${path}.`, null, null);
    return response.body;
  }

  /** Sends a file to a route of the server. */
  async post<T>(path: string, type: string, content: Readable): Promise<T> {
    const response = await fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { authorization: this.authorization, 'content-type': type },
      body: Readable.toWeb(content) as unknown as BodyInit,
      duplex: 'half',
    } as RequestInit);
    const answer = (await response.json().catch(() => ({}))) as T & { error?: { message: string; code: string; remedy?: string | null } };
    if (answer.error) throw new RequestFailed(answer.error.message, answer.error.code, answer.error.remedy ?? null);
    if (!response.ok) throw new RequestFailed(`The server at ${this.url} answered ${response.status}.`, null, null);
    return answer;
  }

  /** Asks again while the server starts anew. */
  async patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (const deadline = Date.now() + longestRestartMs; ;) {
      try {
        return await ask();
      } catch (error) {
        if ((error instanceof RequestFailed && error.code !== null) || Date.now() > deadline) throw error;
        await delay(retryMs);
      }
    }
  }

  async #send<T>(body: string | FormData, headers: Record<string, string>): Promise<T> {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      body,
      headers: { ...headers, authorization: this.authorization, 'apollo-require-preflight': '1' },
    });
    const answer = (await response.json().catch(() => ({}))) as GraphqlAnswer;
    const [error] = answer.errors ?? [];
    if (error) throw new RequestFailed(error.message, error.extensions?.code ?? null, error.extensions?.remedy ?? null);
    if (!answer.data) throw new RequestFailed(`The server at ${this.url} answered ${response.status}.`, null, null);
    return answer.data as T;
  }
}

/** Address of the server that runs on a data directory; null where none answers. */
export async function runningServer(dataDir: string): Promise<string | null> {
  try {
    const { url } = JSON.parse(await readFile(addressFile(dataDir), 'utf8')) as { url: string };
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(15_000) });
    const { status } = (await response.json()) as { status?: string };
    return status === undefined ? null : url;
  } catch {
    return null;
  }
}

async function keyOf({ settings }: LoadedSettings): Promise<string> {
  return settings.ADMIN_API_KEY || (await readFile(join(resolve(settings.DATA_DIR), 'admin.key'), 'utf8')).trim();
}

/** Works with the server that runs on DATA_DIR. @throws RequestFailed where none does */
export async function runningClient(loaded: LoadedSettings): Promise<Client> {
  const url = await runningServer(resolve(loaded.settings.DATA_DIR));
  if (!url) throw new RequestFailed(`No server runs on ${loaded.settings.DATA_DIR}.`, null, 'Start it with erpfts serve.');
  return new Client(url, await keyOf(loaded));
}

/** Works with the server that runs on DATA_DIR, or with one started for the occasion. */
export async function withClient<T>(loaded: LoadedSettings, work: (client: Client) => Promise<T>): Promise<T> {
  const url = await runningServer(resolve(loaded.settings.DATA_DIR));
  if (url) return work(new Client(url, await keyOf(loaded)));
  const settings = { ...loaded.settings, HOST: '127.0.0.1', PORT: 0, RATE_LIMITING: false };
  // The server's own parts take a second to load: only where there is none to talk to.
  const [{ startApp }, { Logging }] = await Promise.all([import('../app.js'), import('../platform/logging/index.js')]);
  const app = await startApp({ ...loaded, settings }, new Logging('error'), { briefly: true });
  try {
    return await work(new Client(app.url, await keyOf(loaded)));
  } finally {
    await app.stop();
  }
}
