import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { type TestServer } from '../support/server.js';

const operation =
  'query($query: String!) { search(query: $query) { totalCount notices hits { score snippet highlights { start end } document { id title } } } }';

/** Searches the product while something else is measured: hybrid answers with text, through GraphQL over HTTP. */
export class Product {
  readonly #pool: Pool;

  constructor(
    private readonly server: TestServer,
    connections: number,
    /** An answer with fewer hits is a fault: nothing is compared with a search that did not take place. */
    private readonly fewestHits = 10,
  ) {
    this.#pool = new Pool(server.url, { connections });
  }

  /** @returns milliseconds */
  async search(query: string): Promise<number> {
    const from = performance.now();
    const { body } = await this.#pool.request({
      method: 'POST',
      path: '/graphql',
      headers: { 'content-type': 'application/json', authorization: this.server.authorization },
      body: JSON.stringify({ query: operation, variables: { query } }),
    });
    const answer = (await body.json()) as { data: { search: { hits: unknown[]; notices: string[] } } };
    if (answer.data.search.notices.length > 0) throw new Error(`${query}: ${answer.data.search.notices.join(' ')}`);
    if (answer.data.search.hits.length < this.fewestHits) throw new Error(`${answer.data.search.hits.length} hits for ${query}`);
    return performance.now() - from;
  }

  stop(): Promise<void> {
    return this.#pool.close();
  }
}

/** Resident memory of the server, of its ChromaDB and of its other children, bytes (`man 5 proc_pid_statm`). */
export function residentBytes(pid: number): { server: number; chroma: number; readers: number } {
  const of = (process: string | number) => {
    try {
      return Number(readFileSync(`/proc/${process}/statm`, 'utf8').split(' ')[1]) * 4096;
    } catch {
      return 0; // It has ended since it was listed.
    }
  };
  const found = { server: of(pid), chroma: 0, readers: 0 };
  const children = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(pid)])
    .toString()
    .trim()
    .split('\n');
  for (const child of children.filter(Boolean)) found[child.includes('chroma-child') ? 'chroma' : 'readers'] += of(child.trim().split(/\s+/)[0]!);
  return found;
}
