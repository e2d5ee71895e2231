import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

test('a worker that has nothing to do is ended, and the next work starts it again', async () => {
  const server = await TestServer.start({ EMBEDDING_WORKERS: '1', EMBEDDING_WORKER_IDLE_SECONDS: '3' });
  const threads = () => readdirSync(`/proc/${server.pid}/task`).length;
  try {
    const before = threads();
    const sections = (what: string) =>
      Array.from({ length: 40 }, (_, i) => `## Year ${1900 + i}\n\nIn ${1900 + i} ${what} `.padEnd(900, `${what} `)).join('\n\n');
    for (const [title, what] of [
      ['Dam', 'the dam was inspected by divers.'],
      ['Mill', 'the mill ground rye from October to March.'],
    ] as const) {
      await server.upload([{ name: `${title}.md`, content: `# ${title}\n\n${sections(what)}` }]);
      // The one for queries takes the first passage; the others wait for the worker that starts.
      await expect.poll(threads, { timeout: 30_000, interval: 20 }).toBeGreaterThan(before);
      await server.idle(60_000, null);
      await expect.poll(threads, { timeout: 30_000 }).toBeLessThanOrEqual(before);
    }
    const { search } = await server.ask<{ search: { mode: string; hits: { document: { title: string } }[] } }>(
      '{ search(query: "Who inspected the dam?") { mode hits { document { title } } } }',
    );
    expect([search.mode, search.hits[0]?.document.title]).toEqual(['HYBRID', 'Dam']);
  } finally {
    await server.stop();
  }
});
