import { ChromaClient, type Collection } from 'chromadb';
import { Pool } from 'undici';

/** One ChromaDB server at one address: its client, a keep-alive pool for queries, and the collections opened so far. */
export class ChromaConnection {
  readonly client: ChromaClient;
  readonly pool: Pool;
  readonly #collections = new Map<string, Promise<Collection>>();

  constructor(
    readonly url: string,
    timeoutMs: number,
  ) {
    const { hostname, port, protocol } = new URL(url);
    const ssl = protocol === 'https:';
    this.client = new ChromaClient({ host: hostname, port: Number(port) || (ssl ? 443 : 80), ssl });
    this.pool = new Pool(url, { connections: 8, keepAliveTimeout: 60_000, headersTimeout: timeoutMs, bodyTimeout: timeoutMs });
  }

  collection(name: string): Promise<Collection> {
    const known = this.#collections.get(name);
    if (known) return known;
    const opened = this.client.getCollection({ name });
    this.#collections.set(name, opened);
    opened.catch(() => this.#collections.delete(name));
    return opened;
  }

  remember(name: string, collection: Collection): void {
    this.#collections.set(name, Promise.resolve(collection));
  }

  forget(name: string): void {
    this.#collections.delete(name);
  }

  async responds(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/api/v2/heartbeat`, { signal: AbortSignal.timeout(1000) })).ok;
    } catch {
      return false;
    }
  }

  /** Lets what is under way come to its end. */
  close(): void {
    void this.pool.close();
  }

  async destroy(): Promise<void> {
    await this.pool.destroy();
  }
}
