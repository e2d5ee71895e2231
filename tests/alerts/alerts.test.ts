import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';
import { count } from '../support/stores.js';

interface Alert {
  id: string;
  rule: string;
  severity: string;
  state: string;
  value: number | null;
  acknowledgedBy: string | null;
}

const posts: { headers: IncomingHttpHeaders; body: string }[] = [];
const mails: string[] = [];
let refusals = 2;
let hook: Server;
let smtp: SMTPServer;
let server: TestServer;

beforeAll(async () => {
  hook = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      response.statusCode = refusals > 0 ? 500 : 204;
      if (refusals > 0) refusals -= 1;
      else posts.push({ headers: request.headers, body });
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(hook, 'listening');
  smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, _session, done) => {
      let mail = '';
      stream.on('data', (part: Buffer) => (mail += part.toString()));
      stream.on('end', () => {
        mails.push(mail);
        done();
      });
    },
  });
  smtp.listen(0, '127.0.0.1');
  await once(smtp.server, 'listening');
  server = await TestServer.start({
    METRICS_INTERVAL_SECONDS: '1',
    HEALTH_INTERVAL_MS: '500',
    ALERT_HOLD_SECONDS: '2',
    // Less than any machine uses.
    ALERT_MEMORY_WARNING: '0.0001',
    ALERT_MEMORY_CRITICAL: '1',
    ALERT_CPU_WARNING: '1',
    ALERT_CPU_CRITICAL: '1',
    ALERT_WEBHOOK_URL: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/alerts`,
    ALERT_WEBHOOK_SECRET: 'a secret between two machines',
    ALERT_RETRY_SECONDS: '0.1',
    SMTP_URL: `smtp://127.0.0.1:${(smtp.server.address() as AddressInfo).port}`,
    ALERT_MAIL_TO: 'harbour@example.org',
  });
});
afterAll(async () => {
  await server?.stop();
  hook?.close();
  await new Promise<void>((done) => smtp.close(done));
});

/** Posts about a rule. */
const postsOf = (rule: string) => posts.filter(({ body }) => (JSON.parse(body) as { alert: { rule: string } | null }).alert?.rule === rule);

const alerts = async (filter = '') =>
  (
    await server.ask<{ alerts: { edges: { node: Alert }[] } }>(
      `{ alerts(first: 50${filter}) { edges { node { id rule severity state value acknowledgedBy } } } }`,
    )
  ).alerts.edges.map(({ node }) => node);

test('a value beyond its threshold raises one alert, which is told live, by a signed webhook and by mail', async () => {
  const live = server.subscribe<{ alertChanged: Alert }>('subscription { alertChanged { id rule severity state } }');
  const { alertChanged } = await live.next(({ alertChanged: { rule } }) => rule === 'memory');
  expect(alertChanged).toMatchObject({ severity: 'WARNING', state: 'ACTIVE' });
  await expect.poll(() => postsOf('memory').length, { timeout: 10_000 }).toBe(1);
  const { headers, body } = postsOf('memory')[0]!;
  const signed = createHmac('sha256', 'a secret between two machines')
    .update(`${String(headers['x-erpfts-timestamp'])}.${body}`)
    .digest('hex');
  expect(headers['x-erpfts-signature']).toBe(`sha256=${signed}`);
  expect(JSON.parse(body)).toMatchObject({ event: 'raised', alert: { rule: 'memory', severity: 'WARNING' } });
  await expect.poll(() => mails.filter((mail) => mail.includes('Memory is in use')).length, { timeout: 10_000 }).toBe(1);
  expect(mails.find((mail) => mail.includes('Memory is in use'))).toMatch(/To: harbour@example\.org[\s\S]*Subject: \[ERPFTS\] WARNING: Memory is in use/);
  // It lasts, and stays one.
  await new Promise((done) => setTimeout(done, 3000));
  expect((await alerts()).filter(({ rule }) => rule === 'memory')).toHaveLength(1);
  expect(postsOf('memory')).toHaveLength(1);
});

test('thresholds tell the value and how it is judged', async () => {
  const { thresholds } = await server.ask<{ thresholds: { rule: string; warning: number; critical: number; value: number | null; level: string }[] }>(
    '{ thresholds { rule warning critical value level } }',
  );
  const by = Object.fromEntries(thresholds.map((threshold) => [threshold.rule, threshold]));
  expect(Object.keys(by)).toEqual(['cpu', 'memory', 'response_time', 'error_rate', 'disk']);
  expect(by['memory']).toMatchObject({ level: 'WARNING' });
  expect(by['response_time']).toMatchObject({ warning: 2000, critical: 5000, level: 'NORMAL' });
  expect([by['error_rate'], by['disk']]).toMatchObject([
    { warning: 0.01, critical: 0.05 },
    { warning: 0.85, critical: 0.95 },
  ]);
});

test('parts that work while an alert is open are not all well', async () => {
  // Right after the start a part may still be on its way.
  await expect
    .poll(async () => await server.ask('{ health { en: summary ja: summary(language: JA) } }'), { timeout: 10_000 })
    .toEqual({
      health: {
        en: expect.stringMatching(/^Every part works, but (an alert is|\d alerts are) open\.$/) as string,
        ja: expect.stringMatching(/^各部分は動いていますが、アラートが \d 件発生しています。$/) as string,
      },
    });
});

test('an alert is acknowledged by name, silenced, and outlives a restart', async () => {
  const { id } = (await alerts(', filter: { rules: ["memory"] }'))[0]!;
  const { acknowledgeAlert } = await server.ask<{ acknowledgeAlert: Alert }>('mutation($id: ID!) { acknowledgeAlert(id: $id) { state acknowledgedBy } }', {
    id,
  });
  expect(acknowledgeAlert).toEqual({ state: 'ACKNOWLEDGED', acknowledgedBy: 'admin.key' });
  const past = await server.send('mutation($id: ID!) { silenceAlert(id: $id, until: "2020-01-01T00:00:00Z") { id } }', { id });
  expect(past.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
  expect((await server.send('mutation { acknowledgeAlert(id: "nothing") { id } }')).errors[0]?.extensions.code).toBe('NOT_FOUND');
  await server.kill();
  await server.boot();
  await new Promise((done) => setTimeout(done, 4000));
  expect(await alerts(', filter: { rules: ["memory"] }')).toMatchObject([{ id, state: 'ACKNOWLEDGED' }]);
});

test('an alert that is silenced is told nobody, until its silence ends', async () => {
  const { id } = (await alerts(', filter: { rules: ["memory"] }'))[0]!;
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const { silenceAlert } = await server.ask<{ silenceAlert: { silencedUntil: string } }>(
    'mutation($id: ID!, $until: DateTime) { silenceAlert(id: $id, until: $until) { silencedUntil } }',
    { id, until },
  );
  expect(silenceAlert.silencedUntil).toBe(until);
  const mailed = () => mails.filter((mail) => mail.includes('Memory is in use')).length;
  const before = [postsOf('memory').length, mailed()];
  // What was a warning becomes critical, and is over: neither is told.
  await server.quit();
  const critical = await server.restarted({ ALERT_MEMORY_CRITICAL: '0.0002' });
  const state = async (of: TestServer) =>
    (await of.ask<{ alerts: { edges: { node: Alert }[] } }>('{ alerts(first: 50, filter: { rules: ["memory"] }) { edges { node { id severity state } } } }'))
      .alerts.edges[0]!.node;
  await expect.poll(() => state(critical), { timeout: 20_000 }).toMatchObject({ id, severity: 'CRITICAL' });
  await critical.quit();
  const calm = await server.restarted({ ALERT_MEMORY_WARNING: '0.999', ALERT_MEMORY_CRITICAL: '1' });
  await expect.poll(() => state(calm), { timeout: 20_000 }).toMatchObject({ id, state: 'RESOLVED' });
  await calm.quit();
  expect([postsOf('memory').length, mailed()]).toEqual(before);
  // A new one is another alert: nobody has silenced that.
  await server.boot();
  await expect.poll(() => postsOf('memory').length, { timeout: 20_000 }).toBe(before[0]! + 1);
});

test('a part that fails raises an alert, and its recovery resolves it', async () => {
  const { metrics } = await server.ask<{ metrics: { processes: { name: string; pid: number }[] } }>('{ metrics { processes { name pid } } }');
  const chroma = metrics.processes.find(({ name }) => name === 'chromadb')!;
  const pause = setInterval(() => {
    void server
      .ask<typeof metrics extends object ? { metrics: typeof metrics } : never>('{ metrics { processes { name pid } } }')
      .then(({ metrics: now }) => now.processes.filter(({ name }) => name === 'chromadb').forEach(({ pid }) => tryKill(pid)))
      .catch(() => undefined);
  }, 300);
  tryKill(chroma.pid);
  try {
    await expect.poll(() => alerts(', filter: { rules: ["health:vector_db"], states: [ACTIVE] }'), { timeout: 40_000, interval: 500 }).toHaveLength(1);
  } finally {
    clearInterval(pause);
  }
  await expect
    .poll(() => alerts(', filter: { rules: ["health:vector_db"] }'), { timeout: 40_000, interval: 500 })
    .not.toContainEqual(expect.objectContaining({ state: 'ACTIVE' }));
  // Slow machines may see it come back between two kills: every alert is told of when it is raised and when it is over.
  const told = () => postsOf('health:vector_db').map(({ body }) => (JSON.parse(body) as { event: string }).event);
  await expect
    .poll(() => [told().length > 1, told().at(-1), told().filter((event) => event === 'raised').length * 2 - told().length], { timeout: 10_000 })
    .toEqual([true, 'resolved', 0]);
  // What was amiss is told in either language, also when it is over; other machines are told in English.
  const { alerts: over } = await server.ask<{ alerts: { edges: { node: { message: string; messageJa: string; remedyJa: string | null } }[] } }>(
    '{ alerts(filter: { rules: ["health:vector_db"] }, first: 1) { edges { node { message messageJa: message(language: JA) remedyJa: remedy(language: JA) } } } }',
  );
  const { message, messageJa, remedyJa } = over.edges[0]!.node;
  expect([message, messageJa, remedyJa]).toEqual([expect.stringMatching(/^[\x20-\x7e]+$/), expect.stringMatching(/[ぁ-ん]/), expect.stringMatching(/[ぁ-ん]/)]);
  expect((JSON.parse(postsOf('health:vector_db')[0]!.body) as { alert: { message: string } }).alert.message).toBe(message);
});

test('what could not be delivered yet is delivered after a restart, once', async () => {
  refusals = Number.POSITIVE_INFINITY;
  const before = postsOf('memory').length;
  const patient = await TestServer.start({
    METRICS_INTERVAL_SECONDS: '1',
    ALERT_HOLD_SECONDS: '1',
    ALERT_MEMORY_WARNING: '0.0001',
    ALERT_MEMORY_CRITICAL: '1',
    ALERT_CPU_WARNING: '1',
    ALERT_CPU_CRITICAL: '1',
    ALERT_WEBHOOK_URL: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/patient`,
    ALERT_RETRY_SECONDS: '3600',
  });
  try {
    await expect.poll(() => count(patient, "alerts WHERE rule = 'memory'"), { timeout: 20_000 }).toBe(1);
    // A machine under load has more to tell than that.
    await expect.poll(() => count(patient, `pending_notifications WHERE notification LIKE '%"memory"%'`), { timeout: 10_000 }).toBe(1);
    await patient.kill();
    refusals = 0;
    await patient.boot();
    await expect.poll(() => postsOf('memory').length, { timeout: 20_000 }).toBe(before + 1);
    expect(JSON.parse(postsOf('memory').at(-1)!.body)).toMatchObject({ event: 'raised', alert: { rule: 'memory', severity: 'WARNING' } });
    await expect.poll(() => count(patient, 'pending_notifications'), { timeout: 10_000 }).toBe(0);
  } finally {
    await patient.stop();
  }
});

test('a channel that fails is told in health until a test goes through, and its alert ends with the channel', async () => {
  const notifications = async (of: TestServer) =>
    (await of.ask<{ health: { components: { name: string; status: string }[] } }>('{ health { components { name status } } }')).health.components.find(
      ({ name }) => name === 'notifications',
    )?.status;
  await server.quit();
  refusals = Number.POSITIVE_INFINITY;
  // What it has to tell first is that memory is well again.
  const deaf = await server.restarted({ ALERT_MEMORY_WARNING: '0.999' });
  await expect.poll(() => notifications(deaf), { timeout: 30_000 }).toBe('DEGRADED');
  refusals = 0;
  expect(await deaf.ask('mutation { testNotifications { channel error } }')).toMatchObject({ testNotifications: [{ error: null }, { error: null }] });
  expect(await notifications(deaf)).toBe('HEALTHY');
  await deaf.quit();
  refusals = Number.POSITIVE_INFINITY;
  const again = await server.restarted({});
  await expect.poll(() => notifications(again), { timeout: 30_000 }).toBe('DEGRADED');
  const open = async (of: TestServer) =>
    (
      await of.ask<{ alerts: { edges: { node: { rule: string } }[] } }>('{ alerts(filter: { states: [ACTIVE, ACKNOWLEDGED] }) { edges { node { rule } } } }')
    ).alerts.edges.map(({ node }) => node.rule);
  await expect.poll(() => open(again), { timeout: 20_000 }).toContain('health:notifications');
  await again.quit();
  const mute = await server.restarted({ ALERT_WEBHOOK_URL: '', SMTP_URL: '' });
  await expect.poll(() => open(mute), { timeout: 10_000 }).not.toContain('health:notifications');
  await mute.quit();
  refusals = 0;
  await server.boot();
});

test('what is sent is Japanese where it is to be', async () => {
  const ja = await TestServer.start({ ...server.env, ALERT_LANGUAGE: 'ja', ALERT_HOLD_SECONDS: '1' });
  try {
    const told = () => postsOf('memory').find(({ body }) => body.includes('メモリ使用率が高くなっています'));
    await expect.poll(told, { timeout: 30_000 }).toBeDefined();
    const text = (mail: string) => Buffer.from(mail.split('\r\n\r\n').slice(1).join(''), 'base64').toString();
    await expect.poll(() => mails.some((mail) => /メモリ使用率が高くなっています[\s\S]*監視項目: memory/.test(text(mail))), { timeout: 30_000 }).toBe(true);
  } finally {
    await ja.stop();
  }
});

test('the test button tells what became of each channel', async () => {
  const { testNotifications } = await server.ask<{ testNotifications: object[] }>('mutation { testNotifications { channel error } }');
  expect(testNotifications).toEqual([
    { channel: 'webhook', error: null },
    { channel: 'mail', error: null },
  ]);
  // Alerts of this machine may come between.
  expect(posts.map(({ body }) => JSON.parse(body) as object)).toContainEqual({ event: 'test', alert: null });
  hook.close();
  hook.closeAllConnections();
  const again = await server.ask<{ testNotifications: { channel: string; error: string | null }[] }>('mutation { testNotifications { channel error } }');
  expect(again.testNotifications.map(({ channel, error }) => [channel, error === null])).toEqual([
    ['webhook', false],
    ['mail', true],
  ]);
});

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
