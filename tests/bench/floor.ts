import { env, pipeline } from '@xenova/transformers';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../server/config/index.js';
import { type TestServer } from '../support/server.js';

/** What a few lines of script would do: `pipeline()` as it comes, on all cores. @returns unit vectors */
export async function barePipeline(): Promise<(text: string) => Promise<Float32Array>> {
  env.allowRemoteModels = false;
  env.localModelPath = join(packageRoot, 'server/platform/embedder/models');
  const embed = await pipeline('feature-extraction', 'multilingual-e5-small-ja-latin', { quantized: true });
  return async (text) => (await embed(text, { pooling: 'mean', normalize: true })).data as Float32Array;
}

/** Address of the server's own ChromaDB, so that all search the same one. */
export function chromaOf(server: TestServer): URL {
  const line = execFileSync('ps', ['-o', 'args=', '--ppid', String(server.pid)])
    .toString()
    .split('\n')
    .find((one) => one.includes('chroma-child'));
  return new URL(`http://127.0.0.1:${line?.trim().split(' ').at(-1)}`);
}

export const percentile = (values: number[], share: number) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))]!;

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
