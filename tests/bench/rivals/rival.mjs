// One rival in a process of its own. Reads orders from standard input, a JSON object a line, and answers each by a line.
import { env, pipeline } from '@xenova/transformers';
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rivals } from './rivals.mjs';

const [name, host, port, passagesFile] = process.argv.slice(2);
/** Of the product: its key, the most clients at once, and the fewest hits of an answer. */
const { BENCH_KEY: key, BENCH_CLIENTS: mostClients = '1', BENCH_FEWEST_HITS: fewestHits = '10' } = process.env;
env.allowRemoteModels = false;
env.localModelPath = fileURLToPath(new URL('../../../server/platform/embedder/models', import.meta.url));

/** The same model for all, by transformers.js as it comes. */
async function embedder() {
  const embed = await pipeline('feature-extraction', 'multilingual-e5-small-ja-latin', { quantized: true });
  return async (text) => Array.from((await embed(`query: ${text}`, { pooling: 'mean', normalize: true })).data);
}

/** Passages with their vectors, as the product has them. */
const passages = () =>
  readFileSync(passagesFile, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const { id, text, vector } = JSON.parse(line);
      const bytes = Buffer.from(vector, 'base64');
      return { id, text, vector: Array.from(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)) };
    });

const search = await rivals[name]({ host, port: Number(port), embedder, passages, key, mostClients: Number(mostClients) });
process.stdout.write('"ready"\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { queries, clients } = JSON.parse(line);
  const times = [];
  let next = 0;
  const started = performance.now();
  const client = async () => {
    while (next < queries.length) {
      const query = queries[next++];
      const from = performance.now();
      const found = await search(query);
      // An answer with fewer hits is a fault: nothing is compared with a search that did not take place.
      if (found < Number(fewestHits) && name !== 'fts5') throw new Error(`${name} found ${found} for ${query}`);
      times.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  process.stdout.write(`${JSON.stringify({ times, tookMs: performance.now() - started, residentBytes: process.memoryUsage().rss })}\n`);
}
process.exit(0);
