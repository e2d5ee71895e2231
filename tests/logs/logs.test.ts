import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

interface Entry {
  at: string;
  level: string;
  message: string;
  event: string | null;
  feature: string | null;
  requestId: string | null;
  jobId: string | null;
}

interface Page {
  logs: { totalCount: number; edges: { node: Entry; cursor: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
}

const secretText = 'The combination of the harbour master’s safe is 7734.';
let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({
    LOG_LEVEL: 'debug',
    LOG_FILE_MAX_BYTES: '10000',
    LOG_FILE_COUNT: '3',
    SLOW_QUERY_THRESHOLD: '0.01',
    CACHE_SEARCH_TTL: '0',
  });
});
afterAll(() => server.stop());

const fields = 'totalCount edges { cursor node { at level message event feature requestId jobId } } pageInfo { hasNextPage endCursor }';
const logs = async (args: string) => (await server.ask<Page>(`{ logs(${args}) { ${fields} } }`)).logs;

test('a request gives its id to its answer, its job and the lines about both', async () => {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: server.authorization, 'x-request-id': 'lighthouse-42' },
    body: JSON.stringify({ query: 'mutation { runMaintenance(task: INTEGRITY_CHECK) { id requestId } }' }),
  });
  const { data } = (await response.json()) as { data: { runMaintenance: { id: string; requestId: string } } };
  expect([response.headers.get('x-request-id'), data.runMaintenance.requestId]).toEqual(['lighthouse-42', 'lighthouse-42']);
  await server.jobDone(data.runMaintenance.id);
  await expect
    .poll(async () => (await logs('filter: { text: "lighthouse-42" }')).edges.map(({ node }) => node.jobId), { timeout: 5000 })
    .toContain(data.runMaintenance.id);
  const own = await fetch(`${server.url}/health`, { headers: { 'x-request-id': 'two words' } });
  expect(own.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

test('slow searches are logged and followed live; neither text nor key nor question enters the log', async () => {
  await server.take('safe.txt', secretText);
  const tail = server.subscribe<{ logTail: Entry }>('subscription { logTail(filter: { text: "slow_query" }) { at level message event feature } }');
  await tail.opened;
  const long = 'What is the combination of the safe? '.repeat(200);
  await expect
    .poll(
      async () => {
        await server.ask('query Safe($q: String!) { search(query: $q) { totalCount } }', { q: long + Math.random() });
        return tail.events.length;
      },
      { timeout: 20_000 },
    )
    .toBeGreaterThan(0);
  expect(tail.events[0]!.logTail).toMatchObject({ level: 'WARN', event: 'slow_query' });
  // Whatever goes wrong, not with the text of the document in it.
  await server.send('query($q: String!) { search(query: $q) { totalCount } }', { q: '' });
  await server.send('mutation { retryJob(id: "the safe is 7734") { id } }');
  const download = await fetch(`${server.url}/logs/download`, { headers: { authorization: server.authorization } });
  const all = await download.text();
  expect([download.status, all.includes('slow_query')]).toEqual([200, true]);
  const slow = all.split('\n').find((line) => line.includes('slow_query') && line.includes('a search was slow'));
  expect(JSON.parse(slow ?? '{}')).toMatchObject({
    operation: 'Safe',
    steps: expect.arrayContaining([{ step: 'EMBED', ms: expect.any(Number) as number }]) as unknown[],
  });
  for (const secret of ['7734', 'combination', server.key]) expect(all.includes(secret)).toBe(false);
  expect((await fetch(`${server.url}/logs/download`)).status).toBe(401);
});

test('files are put aside when they are full, and pages go through all of them', async () => {
  const files = async () => (await readdir(join(server.dataDir, 'logs'))).filter((name) => name.startsWith('erpfts.log')).sort();
  await expect
    .poll(
      async () => {
        await server.ask('mutation { setLogLevel(level: DEBUG) }');
        return files();
      },
      { timeout: 40_000, interval: 5 },
    )
    .toEqual(['erpfts.log', 'erpfts.log.1', 'erpfts.log.2', 'erpfts.log.3']);
  const sizes = await Promise.all((await files()).map(async (name) => (await readFile(join(server.dataDir, 'logs', name))).length));
  for (const size of sizes) expect(size).toBeLessThan(12_000);
  await server.ask('mutation { setLogLevel(level: WARN) }');
  const seen: string[] = [];
  for (let after = ''; ;) {
    const page = await logs(`first: 100, filter: { text: "log_level" }${after && `, after: "${after}"`}`);
    seen.push(...page.edges.map(({ cursor }) => cursor));
    if (!page.pageInfo.hasNextPage) break;
    after = page.pageInfo.endCursor!;
  }
  const lines = (await Promise.all((await files()).map((name) => readFile(join(server.dataDir, 'logs', name), 'utf8')))).join('').split('\n');
  expect(seen).toHaveLength(lines.filter((line) => line.includes('log_level')).length);
  expect(new Set(seen).size).toBe(seen.length);
});

test('entries are chosen by level, time and feature', async () => {
  expect((await logs('filter: { levels: [ERROR, FATAL] }')).edges).toEqual([]);
  const warnings = await logs('filter: { levels: [WARN] }');
  for (const { node } of warnings.edges) expect(node.level).toBe('WARN');
  expect((await logs('filter: { to: "2020-01-01T00:00:00Z" }')).edges).toEqual([]);
  expect((await logs('filter: { features: ["nothing"] }')).edges).toEqual([]);
  expect((await server.send('{ logs(after: "nonsense") { totalCount } }')).errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
});

test('a level set at run time holds from then on', async () => {
  await server.ask('mutation { setLogLevel(level: ERROR) }');
  const before = (await logs('first: 1')).edges[0]!.cursor;
  await server.ask('query($q: String!) { search(query: $q) { totalCount } }', { q: 'What is the combination of the safe? '.repeat(200) });
  expect((await logs('first: 1')).edges[0]!.cursor).toBe(before);
  expect(await server.ask('{ logLevel }')).toEqual({ logLevel: 'ERROR' });
});

test('the file that is written is put aside when it is asked for, and no line is lost', async () => {
  await server.ask('mutation { setLogLevel(level: INFO) }');
  const run = async () => {
    const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>(
      'mutation { runMaintenance(task: ROTATE_LOGS, options: { now: true }) { id } }',
    );
    return (await server.jobDone(runMaintenance.id)).result;
  };
  const lines = async (name: string) => (await readFile(join(server.dataDir, 'logs', name), 'utf8')).split('\n').filter((line) => line !== '');
  expect(await run()).toMatchObject({ rotated: true });
  const [newest] = (await lines('erpfts.log.1')).slice(-1);
  expect(newest).toMatch(/^\{"level":"\w+","time":.*\}$/);
  await server.ask('mutation { setLogLevel(level: INFO) }');
  await expect.poll(async () => (await lines('erpfts.log')).some((line) => line.includes('log_level'))).toBe(true);
});

test('no secret that the server is given or makes enters the log', async () => {
  const secrets = { webhook: 'whale-bone-webhook', mail: 'mussel-mail-word', redis: 'rusty-redis-word', search: 'sunken search' };
  const other = await TestServer.start({
    LOG_LEVEL: 'trace',
    ALERT_WEBHOOK_URL: `http://127.0.0.1:1/hook?token=${secrets.webhook}`,
    ALERT_WEBHOOK_SECRET: secrets.webhook,
    SMTP_URL: `smtp://harbour:${secrets.mail}@127.0.0.1:1`,
    ALERT_MAIL_TO: 'harbour@example.org',
    ALERT_RETRY_SECONDS: '0.05',
    CACHE_BACKEND: 'redis',
    CACHE_REDIS_URL: `redis://:${secrets.redis}@127.0.0.1:1/0`,
    BACKUP_PASSPHRASE: 'a passphrase that opens the chest',
  });
  const { createSignInLink: link } = await other.ask<{ createSignInLink: string }>('mutation { createSignInLink }');
  const signedIn = await fetch(link, { redirect: 'manual' });
  const cookie = signedIn.headers.getSetCookie()[0]!.split(';')[0]!;
  expect((await other.send('{ viewer { name } }', {}, { cookie, origin: other.url })).errors).toEqual([]);
  await other.send('query($q: String!) { search(query: $q) { totalCount } }', { q: secrets.search });
  const { testNotifications } = await other.ask<{ testNotifications: { channel: string; error: string | null }[] }>(
    'mutation { testNotifications { channel error } }',
  );
  expect(testNotifications.filter(({ error }) => error === null)).toEqual([]);
  const { createBackup } = await other.ask<{ createBackup: { id: string } }>('mutation { createBackup(kind: CONFIG) { id } }');
  expect((await other.jobDone(createBackup.id)).status).toBe('SUCCEEDED');
  const file = await (await fetch(`${other.url}/logs/download`, { headers: { authorization: other.authorization } })).text();
  expect(file.split('\n').length).toBeGreaterThan(5);
  const told = file + other.log + JSON.stringify(testNotifications);
  const token = new URL(link).searchParams.get('token') ?? link.split('/').at(-1)!;
  for (const secret of [...Object.values(secrets), other.key, token, cookie.split('=')[1]!, 'a passphrase that opens'])
    expect([secret, told.includes(secret)]).toEqual([secret, false]);
  await other.stop();
});

test('log files put aside a week ago go with the daily task, others stay', async () => {
  const old = join(server.dataDir, 'logs', 'erpfts.log.9');
  await writeFile(old, '{}\n');
  const long = new Date(Date.now() - 8 * 86_400_000);
  await utimes(old, long, long);
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: ROTATE_LOGS) { id } }');
  expect((await server.jobDone(runMaintenance.id)).result).toMatchObject({ files: 1, bytes: 3 });
  expect(await readdir(join(server.dataDir, 'logs'))).toContain('erpfts.log.3');
});
