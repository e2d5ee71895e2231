import { pipeline } from '@xenova/transformers';
import { ChromaClient } from 'chromadb';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { env as modelSettings } from '@xenova/transformers';
import { evaluationSet, scalePassages, takePassages } from '../support/evaluation.js';
import { TestServer } from '../support/server.js';
import { report } from './report.js';

const rounds = 5;
const queriesPerRound = 60;
const longestRatio = 1.2;
const longestStartMs = 5000;
const percentile = (values: number[], share: number) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))]!;

/** Our own ChromaDB's port, so that floor and product search the same collection. */
function chromaPort(serverPid: number): number {
  const line = execFileSync('ps', ['-o', 'args=', '--ppid', String(serverPid)]).toString().split('\n').find((one) => one.includes('chroma-child'));
  return Number(line?.trim().split(' ').at(-1));
}

test('search against the bare floor: pipeline() and the chromadb client', async () => {
  const { passages, questions } = evaluationSet('jaquad');
  const server = await TestServer.start({ CACHE_SEARCH_TTL: '0', CACHE_EMBEDDING_TTL: '0' });
  try {
    await takePassages(server, [...passages, ...scalePassages()]);
    modelSettings.allowRemoteModels = false;
    modelSettings.localModelPath = join(packageRoot, 'server/platform/embedder/models');
    const embed = await pipeline('feature-extraction', 'multilingual-e5-small-ja-latin', { quantized: true });
    const collection = await new ChromaClient({ host: '127.0.0.1', port: chromaPort(server.pid), ssl: false }).getCollection({ name: 'knowledge_chunks_g1' });
    const floor = async (query: string) => {
      const { data } = await embed(`query: ${query}`, { pooling: 'mean', normalize: true });
      await collection.query({ queryEmbeddings: [Array.from(data as Float32Array)], nResults: 10, include: ['distances'] });
    };
    const product = (query: string) => server.ask('query($query: String!) { search(query: $query) { totalCount hits { score snippet highlights { start end } document { id title } } } }', { query });
    for (const { query } of questions.slice(0, 30)) await Promise.all([floor(query), product(query)]);
    const ratios: number[] = [];
    const rows: Record<string, string | number>[] = [];
    for (let round = 0; round < rounds; round++) {
      const times = { floor: [] as number[], product: [] as number[] };
      for (const { query } of questions.slice(round * queriesPerRound, (round + 1) * queriesPerRound)) {
        for (const [name, ask] of [['floor', floor], ['product', product]] as const) {
          const started = performance.now();
          await ask(query);
          times[name].push(performance.now() - started);
        }
      }
      const ratio = percentile(times.product, 0.5) / percentile(times.floor, 0.5);
      ratios.push(ratio);
      rows.push({ round, 'floor p50 ms': percentile(times.floor, 0.5).toFixed(2), 'product p50 ms': percentile(times.product, 0.5).toFixed(2), 'product p95 ms': percentile(times.product, 0.95).toFixed(2), ratio: ratio.toFixed(3) });
    }
    await server.quit();
    const started = performance.now();
    await server.boot();
    const readyMs = performance.now() - started;
    report('search', `10,301 passages, one client, no cache; ready again after ${readyMs.toFixed(0)} ms`, rows);
    expect(percentile(ratios, 0.5)).toBeLessThanOrEqual(longestRatio);
    expect(readyMs).toBeLessThanOrEqual(longestStartMs);
  } finally {
    await server.stop();
  }
});
