import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { packageRoot } from '../../server/config/index.js';

const folder = join(packageRoot, 'tests/bench/rivals');

export interface Run {
  /** Milliseconds of each query. */
  times: number[];
  tookMs: number;
  residentBytes: number;
}

/** What the product's client is told. */
export interface ClientOptions {
  key: string;
  mostClients: number;
  fewestHits?: number | undefined;
}

/** Another system, the bare floor or a client of the product, in a process of its own over the same passages, vectors and ChromaDB. */
export class Rival {
  readonly #lines: AsyncIterator<string, void>;

  private constructor(
    private readonly child: ChildProcess,
    lines: Interface,
  ) {
    this.#lines = lines[Symbol.asyncIterator]() as AsyncIterator<string, void>;
  }

  /** Installs what the bench compares with, once; the product does without. */
  static install(): void {
    if (existsSync(join(folder, 'node_modules'))) return;
    const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--legacy-peer-deps', '--ignore-scripts', '--loglevel=error'], {
      cwd: folder,
      stdio: 'inherit',
    });
    if (status !== 0) throw new Error('npm could not install the rivals; see above.');
  }

  /** @param address of ChromaDB; of the server for its client */
  static async start(name: string, address: URL, passagesFile = '', client?: ClientOptions): Promise<Rival> {
    const child = spawn(process.execPath, [join(folder, 'rival.mjs'), name, address.hostname, address.port, passagesFile], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...process.env,
        ...(client && { BENCH_KEY: client.key, BENCH_CLIENTS: String(client.mostClients), BENCH_FEWEST_HITS: String(client.fewestHits ?? 10) }),
      },
    });
    child.once('exit', (code) => code && process.stderr.write(`${name} ended with ${code}\n`));
    const rival = new Rival(child, createInterface({ input: child.stdout }));
    await rival.#answer();
    return rival;
  }

  async run(queries: string[], clients: number): Promise<Run> {
    this.child.stdin!.write(`${JSON.stringify({ queries, clients })}\n`);
    return (await this.#answer()) as Run;
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.stdin!.end();
    await ended;
  }

  async #answer(): Promise<unknown> {
    const line = await this.#lines.next();
    if (line.done) throw new Error('a rival ended; its message is above');
    return JSON.parse(line.value);
  }
}
