import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createClient } from 'graphql-ws';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import WebSocket from 'ws';
import { expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { evaluationSet, takePassages } from '../support/evaluation.js';
import { TestServer } from '../support/server.js';
import { percentile } from './floor.js';
import { report } from './report.js';

const rounds = 5;
const roundMs = 2000;
const clients = 8;
const cachedShareWanted = 0.6;

interface Target {
  pool: Pool;
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** @returns answers a second, asked by so many clients at once */
async function rate({ pool, path, headers, body }: Target): Promise<number> {
  const until = performance.now() + roundMs;
  let answered = 0;
  const started = performance.now();
  const client = async () => {
    while (performance.now() < until) {
      const response = await pool.request({ method: 'POST', path, headers: { 'content-type': 'application/json', ...headers }, body });
      const text = await response.body.text();
      if (response.statusCode !== 200 || text.includes('"errors"')) throw new Error(text);
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return answered / ((performance.now() - started) / 1000);
}

test('answers a second against a bare Apollo Server that answers a constant', async () => {
  const bare = spawn(process.execPath, [join(packageRoot, 'tests/bench/bare-apollo.cjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(bare.stdout, 'data')) as [Buffer];
  const server = await TestServer.start();
  const pools = [new Pool(line.toString().trim(), { connections: clients }), new Pool(server.url, { connections: clients })];
  try {
    await takePassages(server, evaluationSet('vue-ja-to-en').passages, { refined: false });
    const headers = { authorization: server.authorization };
    const ours = (query: string): Target => ({ pool: pools[1]!, path: '/graphql', headers, body: JSON.stringify({ query }) });
    const targets: Record<string, Target> = {
      'bare Apollo': { pool: pools[0]!, path: '/', headers: {}, body: JSON.stringify({ query: '{ answer }' }) },
      'cached search, one field': ours('{ search(query: "How do I bind a form input?") { totalCount } }'),
      'cached search, ten hits with text': ours(
        '{ search(query: "How do I bind a form input?") { totalCount hits { score snippet highlights { start end } document { id title } } } }',
      ),
      'documents, twenty': ours('{ documents { totalCount edges { node { id title status chunkCount } } } }'),
      health: ours('{ health { status components { name status latencyMs } } }'),
    };
    for (const target of Object.values(targets)) await rate(target);
    const rates = new Map(Object.keys(targets).map((name) => [name, [] as number[]]));
    for (let round = 0; round < rounds; round++) for (const [name, target] of Object.entries(targets)) rates.get(name)!.push(await rate(target));
    const bareRates = rates.get('bare Apollo')!;
    const shares = (name: string) => rates.get(name)!.map((value, round) => value / bareRates[round]!);
    report(
      'api',
      `${clients} clients`,
      [...rates].map(([name, values]) => ({
        operation: name,
        'answers/s': percentile(values, 0.5).toFixed(0),
        'share of bare Apollo': percentile(shares(name), 0.5).toFixed(2),
      })),
    );
    expect(percentile(shares('cached search, ten hits with text'), 0.5)).toBeGreaterThanOrEqual(cachedShareWanted);
  } finally {
    bare.kill();
    await Promise.all(pools.map((pool) => pool.destroy()));
    await server.stop();
  }
});

/** Processor seconds a process has used (`man 5 proc_pid_stat`, fields 14 and 15, in hundredths) and its resident bytes. */
function usage(pid: number): { cpuSeconds: number; residentBytes: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100, residentBytes: Number(fields[21]) * 4096 };
}

const subscribers = 1000;
const watchMs = 20_000;

test('a thousand subscriptions to live metrics', async () => {
  const server = await TestServer.start();
  const clients = Array.from({ length: subscribers }, () =>
    createClient({
      url: `${server.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: server.authorization },
      retryAttempts: 0,
    }),
  );
  try {
    await delay(3000);
    const measured = async () => {
      const before = usage(server.pid);
      await delay(watchMs);
      const after = usage(server.pid);
      return { cpuShare: (after.cpuSeconds - before.cpuSeconds) / (watchMs / 1000), residentMb: after.residentBytes / 1024 ** 2 };
    };
    const idle = await measured();
    let received = 0;
    let failure: unknown = null;
    for (const client of clients) {
      client.subscribe(
        {
          query:
            'subscription { liveMetrics(intervalMs: 2000) { at process { cpuShare memoryBytes } search { perSecond p50Ms p95Ms } queue { queued running } } }',
        },
        { next: () => (received += 1), error: (error) => (failure = error), complete: () => undefined },
      );
    }
    await delay(5000);
    const before = received;
    const busy = await measured();
    const perSecond = (received - before) / (watchMs / 1000);
    report('api', `${subscribers} subscriptions to live metrics, every 2 s`, [
      { state: 'idle', 'events/s': 0, 'processor (cores)': idle.cpuShare.toFixed(3), 'resident MB': idle.residentMb.toFixed(0) },
      { state: 'subscribed', 'events/s': perSecond.toFixed(0), 'processor (cores)': busy.cpuShare.toFixed(3), 'resident MB': busy.residentMb.toFixed(0) },
    ]);
    expect(failure).toBeNull();
    expect(perSecond).toBeGreaterThan((subscribers / 2) * 0.9);
  } finally {
    await Promise.all(clients.map(async (client) => client.dispose()));
    await server.stop();
  }
});
