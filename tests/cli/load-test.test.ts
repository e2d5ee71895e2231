import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { cleanEnvironment } from '../support/environment.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ RATE_LIMITING: 'true', RATE_LIMIT_SEARCH: '60' });
  await server.take('buoy.txt', 'The buoy blinks twice.');
});
afterAll(() => server.stop());

const program = join(packageRoot, 'ops/bin/erpfts.cjs');

function erpfts(args: string[], env: Record<string, string> = {}): Promise<{ code: number; out: string; err: string }> {
  const options = { cwd: server.dataDir, env: { ...cleanEnvironment(), DATA_DIR: server.dataDir, ...env } };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], options, (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }));
  });
}

interface Phases {
  url: string;
  requests: number;
  dnsMs: number | null;
  connectMs: number | null;
  tlsMs: number | null;
  firstByteMs: number | null;
  totalMs: number | null;
}

interface Load {
  failed: number;
  statuses: Record<string, number>;
  perSecond: number;
  p50Ms: number;
  p95Ms: number;
  slowestMs: number;
}

test('a request is told in its parts', async () => {
  const health = JSON.parse((await erpfts(['--json', 'response-time', '--times', '3'])).out) as Phases;
  expect(health).toMatchObject({ url: `${server.url}/health`, requests: 3, tlsMs: null });
  expect(health.connectMs).not.toBeNull();
  expect(health.totalMs).toBeGreaterThan(0);
  expect(health.totalMs).toBeGreaterThanOrEqual(health.firstByteMs!);
  // A name is looked up, an address is not.
  const { port } = new URL(server.url);
  const named = JSON.parse((await erpfts(['--json', 'response-time', '--url', `http://localhost:${port}`])).out) as Phases;
  expect(named.dnsMs).not.toBeNull();
  const { code, out } = await erpfts(['response-time', 'how', 'often', 'does', 'it', 'blink']);
  expect(code).toBe(0);
  expect(out).toMatch(
    /\/graphql, median of 5:\n {2}name .*\n {2}connect +[\d.]+ ms\n {2}TLS +–\n {2}first byte +[\d.]+ ms\n {2}download +[\d.]+ ms\n {2}in all +[\d.]+ ms\n$/,
  );
});

test('many clients ask at once', async () => {
  const health = await erpfts(['load-test', '--clients', '4', '--requests', '200']);
  expect(health.code).toBe(0);
  expect(health.out).toMatch(/\/health: 200 requests by 4 clients, \d+ a second, 0 failed\np50 .* ms, p95 .* ms, p99 .* ms, slowest .* ms\n/);
  const searched = JSON.parse((await erpfts(['--json', 'load-test', '--clients', '4', '--requests', '40', 'buoy', 'いつ点滅しますか'])).out) as Load;
  expect(searched).toMatchObject({ failed: 0, statuses: { 200: 40 }, codes: {} });
  expect(searched.perSecond).toBeGreaterThan(0);
  expect(searched.p50Ms).toBeLessThanOrEqual(searched.p95Ms);
  expect(searched.p95Ms).toBeLessThanOrEqual(searched.slowestMs);
  const slow = await erpfts(['load-test', '--requests', '20'], { ALERT_RESPONSE_WARNING: '0.001', ALERT_RESPONSE_CRITICAL: '0.001' });
  // Some machines answer in less.
  if (slow.code !== 0) expect(slow.err).toContain('ALERT_RESPONSE_WARNING (1 ms)');
  const limited = await erpfts(['load-test', '--requests', '60', 'buoy']);
  expect(limited.code).toBe(1);
  expect(limited.err).toMatch(/\d+ of 60 requests failed\.[\s\S]*Some met a rate limit/);
});

test('what cannot be measured is told', async () => {
  expect((await erpfts(['load-test', '--clients', '0'])).err).toContain('--clients takes 1 to 1000, not "0".');
  expect((await erpfts(['response-time', '--url', 'kb'])).code).toBe(2);
  // The key stays here.
  const refused = await erpfts(['load-test', '--url', 'http://192.0.2.1', 'buoy']);
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('is not sent to 192.0.2.1 unencrypted')]);
  const failing = createServer((_request, response) => response.writeHead(503).end()).listen(0, '127.0.0.1');
  await once(failing, 'listening');
  const url = `http://127.0.0.1:${(failing.address() as AddressInfo).port}`;
  try {
    const { code, err, out } = await erpfts(['--json', 'load-test', '--requests', '10', '--url', url]);
    expect([code, (JSON.parse(out) as Load).statuses]).toEqual([1, { 503: 10 }]);
    expect(err).toContain('10 of 10 requests failed.');
    expect((await erpfts(['response-time', '--url', url])).err).toContain('/health answered 503.');
  } finally {
    failing.close();
  }
  const none = await erpfts(['load-test'], { DATA_DIR: join(server.dataDir, 'elsewhere') });
  expect([none.code, none.err]).toEqual([1, expect.stringContaining('No server runs on')]);
});
