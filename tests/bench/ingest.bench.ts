import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { evaluationSet, scalePassages, takePassages } from '../support/evaluation.js';
import { TestServer } from '../support/server.js';
import { barePipeline, percentile, timed } from './floor.js';
import { report } from './report.js';

const rounds = 4;
const passagesPerRound = 800;
const smallestRatio = 1.2;
const noticeMs = 200;

test('ingestion against pipeline() in a bare loop', async () => {
  const server = await TestServer.start();
  try {
    const embed = await barePipeline();
    const passages = scalePassages();
    await takePassages(server, passages.slice(-50));
    for (const { text } of passages.slice(-10)) await embed(`passage: ${text}`);
    const ratios: number[] = [];
    const rows: Record<string, string | number>[] = [];
    for (let round = 0; round < rounds; round++) {
      // A connection that the server gave up while the model ran here is noticed first.
      await delay(noticeMs);
      const part = passages.slice(round * passagesPerRound, (round + 1) * passagesPerRound);
      const productMs = await timed(() => takePassages(server, part, { refined: false }));
      await server.idle(3_600_000);
      const floorMs = await timed(async () => {
        for (const { title, text } of part) await embed(`passage: ${title}\n${text}`);
      });
      const product = (part.length / productMs) * 1000;
      const floor = (part.length / floorMs) * 1000;
      ratios.push(product / floor);
      rows.push({ round, 'floor documents/s': floor.toFixed(1), 'product documents/s': product.toFixed(1), ratio: (product / floor).toFixed(2) });
    }
    report('ingest', 'upload to READY, against embedding alone', rows);
    expect(percentile(ratios, 0.5)).toBeGreaterThanOrEqual(smallestRatio);
  } finally {
    await server.stop();
  }
});

const pauseMs = 40;
const idleQueries = 150;
const loadPassages = 2000;
const longestSlowdown = 2;
const longestDelayMs = 50;

test('search while 2,000 passages are taken in', async () => {
  const server = await TestServer.start({ CACHE_SEARCH_TTL: '0', CACHE_EMBEDDING_TTL: '0' });
  try {
    const { passages, questions } = evaluationSet('jaquad');
    await takePassages(server, passages);
    const ask = (index: number) =>
      timed(() =>
        server.ask('query($query: String!) { search(query: $query) { hits { snippet document { title } } } }', {
          query: questions[index % questions.length]!.query,
        }),
      );
    for (let i = 0; i < 30; i++) await ask(i);
    const idle: number[] = [];
    for (let i = 0; i < idleQueries; i++) {
      idle.push(await ask(i));
      await delay(pauseMs);
    }
    await loopDelayMs(server);
    let done = false;
    const taking = takePassages(server, scalePassages().slice(0, loadPassages), { refined: false }).finally(() => (done = true));
    const busy: number[] = [];
    for (let i = 0; !done; i++) {
      busy.push(await ask(i));
      await delay(pauseMs);
    }
    await taking;
    const delayMs = await loopDelayMs(server);
    const ratio = percentile(busy, 0.95) / percentile(idle, 0.95);
    report('ingest', 'search while 2,000 passages are taken in', [
      { what: 'idle', queries: idle.length, 'p50 ms': percentile(idle, 0.5).toFixed(1), 'p95 ms': percentile(idle, 0.95).toFixed(1) },
      {
        what: 'busy',
        queries: busy.length,
        'p50 ms': percentile(busy, 0.5).toFixed(1),
        'p95 ms': percentile(busy, 0.95).toFixed(1),
        ratio: ratio.toFixed(2),
        'loop delay p99 ms': delayMs.toFixed(1),
      },
    ]);
    expect(ratio).toBeLessThanOrEqual(longestSlowdown);
    expect(delayMs).toBeLessThanOrEqual(longestDelayMs);
  } finally {
    await server.stop();
  }
});

const resolutionMs = 10;

/** 99th percentile of the event loop's delay since the last look: what Prometheus' client measures between two scrapes. */
async function loopDelayMs(server: TestServer): Promise<number> {
  const response = await fetch(`${server.url}/metrics`, { headers: { authorization: server.authorization } });
  const [, seconds] = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(await response.text())!;
  // The timer's own period counts in it.
  return Math.max(0, Number(seconds) * 1000 - resolutionMs);
}
