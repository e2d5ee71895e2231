import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasBrowser, launch, overflow, seriousIssues, signedIn } from '../support/browser.js';
import { TestServer } from '../support/server.js';

describe.skipIf(!hasBrowser)('what an operator does by hand', () => {
  let server: TestServer;
  let browser: Browser;
  let page: Page;
  let context: BrowserContext;
  let hook: Server;
  const told: string[] = [];
  beforeAll(async () => {
    hook = createServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        told.push(body);
        response.end();
      });
    }).listen(0, '127.0.0.1');
    await once(hook, 'listening');
    [server, browser] = await Promise.all([
      TestServer.start({
        LOG_LEVEL: 'info',
        METRICS_INTERVAL_SECONDS: '1',
        JOB_STUCK_MINUTES: '0.02',
        PARSER_WORKERS: '1',
        HEALTH_INTERVAL_MS: '500',
        ALERT_HOLD_SECONDS: '1',
        ALERT_MEMORY_WARNING: '0.0001',
        ALERT_MEMORY_CRITICAL: '1',
        ALERT_WEBHOOK_URL: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`,
        ALERT_WEBHOOK_SECRET: 'a-secret-of-the-harbour',
      }),
      launch(),
    ]);
    await server.take('mole.txt', 'The mole is lit at night.');
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    hook?.close();
  });
  beforeEach(async () => {
    ({ page, context } = await signedIn(browser, server, { locale: 'en-US' }));
  });
  afterEach(() => context.close());

  test('a job that is stuck is begun again with one click, and ends well', async () => {
    const { metrics } = await server.ask<{ metrics: { processes: { name: string; pid: number }[] } }>('{ metrics { processes { name pid } } }');
    process.kill(metrics.processes.find(({ name }) => name === 'reader')!.pid, 'SIGSTOP');
    const [upload] = await server.upload([{ name: 'pier.txt', content: 'The pier waits for its reader.' }]);
    await page.goto(`${server.url}/jobs`);
    const job = page.getByTestId('job').filter({ hasText: 'pier' });
    const again = job.getByRole('button', { name: 'Begin again' });
    await again.waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await again.click();
    await job.getByText('Done').waitFor();
    expect(await again.count()).toBe(0);
    expect(await server.settled(upload!.document!.id)).toMatchObject({ status: 'READY' });
  });

  test('an alert is silenced for a day and told of again; a test goes by every channel', async () => {
    await page.goto(`${server.url}/alerts`);
    const alert = page.getByTestId('alert').filter({ hasText: 'Memory' });
    const state = async () =>
      (
        await server.ask<{ alerts: { edges: { node: { rule: string; silencedUntil: string | null } }[] } }>(
          '{ alerts { edges { node { rule silencedUntil } } } }',
        )
      ).alerts.edges.find(({ node }) => node.rule === 'memory')?.node.silencedUntil;
    await alert.getByRole('button', { name: 'Silence for a day' }).click();
    await alert.getByText(/silent until/).waitFor();
    expect(new Date((await state())!).getTime()).toBeGreaterThan(Date.now() + 23 * 3_600_000);
    await alert.getByRole('button', { name: 'Notify again' }).click();
    await alert.getByText(/silent until/).waitFor({ state: 'detached' });
    expect(await state()).toBeNull();
    told.length = 0;
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByText('webhook: delivered').waitFor();
    expect(told).toHaveLength(1);
  });

  test('the log is downloaded whole, and looked at around a moment', async () => {
    await page.goto(`${server.url}/logs`);
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
    const lines = (await readFile((await download.path())!, 'utf8')).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toContain('ready');
    // From the overview, a start leads to what was logged around it.
    await page.goto(`${server.url}/overview`);
    await page.getByRole('link', { name: 'Started' }).click();
    await page.waitForURL(/\/logs\?span=range&from=/);
    await page.getByTestId('log-entry').filter({ hasText: 'ready' }).waitFor();
    const [from] = (await page.getByLabel('From', { exact: true }).inputValue()).split('T');
    expect(from).toMatch(/^\d{4}-\d\d-\d\d$/);
    // An end that lies before it leaves nothing.
    await page.getByLabel('To', { exact: true }).fill(`${Number(from!.slice(0, 4)) - 1}-01-01T00:00`);
    await page.getByLabel('To', { exact: true }).blur();
    await page.getByTestId('log-entry').first().waitFor({ state: 'detached' });
    await page.getByLabel('Time span').selectOption('1h');
    await page.getByTestId('log-entry').filter({ hasText: 'ready' }).waitFor();
    await page.setViewportSize({ width: 390, height: 900 });
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
  });

  test('the overview tells what is asked for by name, what happened and what was taken in', async () => {
    await page.goto(`${server.url}/overview`);
    for (let i = 0; i < 5; i++) await server.ask('query Lamps { search(query: "lamps") { totalCount } }');
    await page
      .getByTestId('operations')
      .getByRole('row', { name: /^Lamps [1-5]\b/ })
      .waitFor();
    await page
      .getByTestId('taken-in')
      .getByText(/Documents taken in: [12]$/)
      .waitFor();
    await server.ask('mutation { setMaintenanceMode(enabled: true, reason: "new lamps") { enabled } }');
    await page.getByRole('listitem').filter({ hasText: 'Maintenance began new lamps – by admin.key' }).waitFor();
    await server.ask('mutation { setMaintenanceMode(enabled: false) { enabled } }');
  });

  test('differences beyond what a report lists are all had by HTTP', async () => {
    const many = 210;
    for (let from = 0; from < many; from += 70)
      await server.upload(Array.from({ length: 70 }, (_, i) => ({ name: `lamp-${from + i}.txt`, content: `Lamp ${from + i} is lit at dusk.` })));
    await server.idle();
    // All of them, with their folder.
    await rm(join(server.dataDir, 'originals'), { recursive: true });
    await page.goto(`${server.url}/maintenance`);
    const task = page.getByTestId('task').filter({ hasText: 'Verify all data' });
    await task.getByRole('button', { name: 'Run' }).click();
    await task.getByText('Show the differences').click();
    const all = task.getByRole('link', { name: 'Download all differences' });
    const [download] = await Promise.all([page.waitForEvent('download'), all.click()]);
    const lines = (await readFile((await download.path())!, 'utf8')).trim().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(many);
    expect((JSON.parse(lines[0]!) as { kind: string }).kind).toBe('ORIGINAL_MISSING');
    // Nobody else reads them: they name documents.
    const address = await all.getAttribute('href');
    expect((await fetch(`${server.url}${address}`)).status).toBe(401);
  });
});
