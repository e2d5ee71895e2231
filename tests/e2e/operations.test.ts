import { type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, launch, overflow, seriousIssues, signedIn } from '../support/browser.js';
import { TestServer } from '../support/server.js';

const operator = ['overview', 'jobs', 'alerts', 'logs', 'settings', 'maintenance'];

describe.skipIf(!hasBrowser)('operations', () => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    [server, browser] = await Promise.all([
      TestServer.start({
        LOG_LEVEL: 'info',
        METRICS_INTERVAL_SECONDS: '1',
        ALERT_HOLD_SECONDS: '1',
        ALERT_MEMORY_WARNING: '0.0001',
        ALERT_MEMORY_CRITICAL: '1',
        ALERT_CPU_WARNING: '1',
        ALERT_CPU_CRITICAL: '1',
        // Nobody answers there: a part that is not well, with a long reason, stands at the foot of every page.
        SMTP_URL: 'smtp://127.0.0.1:1',
        ALERT_MAIL_TO: 'harbour@example.org',
        ALERT_RETRY_SECONDS: '0.05',
      }),
      launch(),
    ]);
    await server.take('quay.txt', 'The quay is swept on Fridays.');
    await server.ask('query Sweep { search(query: "When is the quay swept?") { totalCount } }');
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test.each([
    { locale: 'en-US', width: 1440, dark: false },
    { locale: 'ja-JP', width: 390, dark: true },
  ])('every page reads well in $locale at $width px', async (options) => {
    const { page, context } = await signedIn(browser, server, options);
    for (const name of operator) {
      await page.goto(`${server.url}/${name}`);
      await page.locator('main h1').first().waitFor({ state: 'attached' });
      await page.getByText(options.locale === 'ja-JP' ? '読み込み中' : 'Loading').waitFor({ state: 'detached' });
      expect([name, await overflow(page), await seriousIssues(page)]).toEqual([name, 0, []]);
    }
    await context.close();
  });

  test('the overview says how things are, draws what was measured, and an alert seen is marked so', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/overview?span=15m`);
    await page
      .getByTestId('summary')
      .getByText(/^Notifications since .*could not be delivered/)
      .waitFor();
    await page.getByRole('img', { name: /^Processor: now \d+%/ }).waitFor();
    await expect.poll(() => page.locator('.u-wrap canvas').count()).toBe(12);
    // Limits that lie far above what is measured are told in words.
    await page
      .locator('figure')
      .filter({ hasText: 'GraphQL p95' })
      .getByText(/^Warning from 2.*, critical from 5/)
      .waitFor();
    await page.getByText('More charts').click();
    await expect.poll(() => page.locator('.u-wrap canvas').count()).toBe(26);
    await page.getByRole('img', { name: /^Open connections: sockets \d+, WebSocket [1-9]/ }).waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    // What the cache has saved, as it is asked.
    const cache = page.getByTestId('cache').getByRole('row', { name: /^Answers to searches/ });
    await cache.waitFor();
    await server.ask('{ search(query: "anything") { totalCount } }');
    await cache.getByText('0%').waitFor();
    const alert = page.getByTestId('alert').filter({ hasText: 'Memory' });
    await alert.getByRole('button', { name: 'I have seen it' }).click();
    await alert.getByText('seen by browser').waitFor();
    await page.getByRole('button', { name: '7 days' }).click();
    await page.waitForURL(/span=7d/);
    await page.getByRole('cell', { name: /MB|GB/ }).first().waitFor();
    await context.close();
  });

  test('commands are run from the palette by keyboard, and jobs change before the eyes', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.keyboard.press('Escape');
    await page.locator('h1, main').first().click();
    await page.keyboard.press('Control+k');
    await page.getByPlaceholder('What do you want to do?').fill('verify all');
    expect(await seriousIssues(page)).toEqual([]);
    await page.keyboard.press('Enter');
    await page.getByText('Started.').waitFor();
    await page.keyboard.press('Control+k');
    await page.getByPlaceholder('What do you want to do?').fill('jobs');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/jobs/);
    const job = page.getByTestId('job').filter({ hasText: 'Verify all data' });
    await job.getByText('Done').waitFor();
    await job.getByText('Steps').click();
    await job.getByRole('listitem').filter({ hasText: 'Begun' }).waitFor();
    await job.getByRole('listitem').filter({ hasText: 'Succeeded' }).waitFor();
    await page.getByTestId('job').filter({ hasText: 'Take in a document' }).getByRole('link', { name: 'quay' }).waitFor();
    await page.getByRole('button', { name: 'Kind' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Maintenance' }).click();
    await page.waitForURL(/kind=MAINTENANCE/);
    await page.getByTestId('job').filter({ hasText: 'Take in a document' }).waitFor({ state: 'detached' });
    await page.keyboard.press('Control+k');
    await page.getByPlaceholder('What do you want to do?').fill('clear the cache: embeddings');
    await page.keyboard.press('Enter');
    await expect
      .poll(
        async () =>
          (
            await server.ask<{ maintenanceTasks: { task: string; lastJob: { status: string; result: unknown } | null }[] }>(
              '{ maintenanceTasks { task lastJob { status result } } }',
            )
          ).maintenanceTasks.find(({ task }) => task === 'CLEAR_CACHE')?.lastJob,
      )
      .toMatchObject({ status: 'SUCCEEDED', result: { kinds: ['EMBEDDING'] } });
    await page.keyboard.press('Control+k');
    await page.getByPlaceholder('What do you want to do?').fill('run: backup of documents');
    await page.getByRole('option').first().waitFor();
    expect(await page.getByRole('option').first().innerText()).toMatch(/database/i);
    await page.getByPlaceholder('What do you want to do?').fill('report now: capacity');
    await page.keyboard.press('Enter');
    await expect
      .poll(async () => (await server.ask<{ reports: { totalCount: number } }>('{ reports(kinds: [CAPACITY]) { totalCount } }')).reports.totalCount)
      .toBe(1);
    await page.keyboard.press('Control+k');
    await page.getByPlaceholder('What do you want to do?').fill('log from error');
    await page.keyboard.press('Enter');
    await expect.poll(async () => (await server.ask<{ logLevel: string }>('{ logLevel }')).logLevel).toBe('ERROR');
    await server.ask('mutation { setLogLevel(level: INFO) }');
    await context.close();
  });

  test('log lines come by themselves and are found by text', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/logs`);
    await page.getByTestId('log-entry').first().waitFor();
    await page.getByLabel('Level', { exact: true }).selectOption('DEBUG');
    await page.getByTestId('log-entry').filter({ hasText: 'the log level was changed' }).first().waitFor();
    await page.getByPlaceholder('Search the lines').fill('alert_raised');
    await page.keyboard.press('Enter');
    await page.waitForURL(/text=alert_raised/);
    await page.getByTestId('log-entry').filter({ hasText: 'log level' }).first().waitFor({ state: 'detached' });
    await page.getByTestId('log-entry').filter({ hasText: 'Memory is in use' }).waitFor();
    await context.close();
  });

  test('settings are searched, and a change is told after a restart', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/settings?text=webhook`);
    await expect.poll(() => page.getByTestId('setting').count()).toBe(3);
    await page.getByPlaceholder('Search the settings').fill('ALERT_MEMORY_W');
    await page.getByTestId('setting').getByText('from the environment').waitFor();
    await context.close();
    await server.quit();
    server = await server.restarted({ SLOW_QUERY_THRESHOLD: '3', RATE_LIMITING: 'true' });
    const { page: after, context: later } = await signedIn(browser, server, { locale: 'en-US' });
    await after.goto(`${server.url}/settings`);
    const change = after.getByTestId('setting-change').filter({ hasText: 'SLOW_QUERY_THRESHOLD' });
    expect(await change.innerText()).toMatch(/SLOW_QUERY_THRESHOLD: 2 → 3/);
    await after.getByRole('row').filter({ hasText: 'Searches of this user' }).getByRole('cell', { name: '100', exact: true }).waitFor();
    const everybody = after.getByRole('row').filter({ hasText: 'Requests of everybody' });
    const used = await everybody.innerText();
    // Those of operators, as of this page, are not counted.
    const stranger = () => fetch(`${server.url}/graphql?query=${encodeURIComponent('{ viewer { role } }')}`, { headers: { 'apollo-require-preflight': '1' } });
    await expect.poll(() => stranger().then(() => everybody.innerText()), { timeout: 20_000 }).not.toBe(used);
    await after.setViewportSize({ width: 390, height: 900 });
    expect(await overflow(after)).toBe(0);
    await after.setViewportSize({ width: 1440, height: 900 });
    // Beside each other for the hour that follows; the memory was measured on both sides.
    const memory = after.getByRole('row').filter({ hasText: 'Memory of our processes' });
    await expect
      .poll(() => memory.getByRole('cell').allInnerTexts(), { timeout: 20_000 })
      .toEqual([expect.stringMatching(/MB|GB/), expect.stringMatching(/MB|GB/)]);
    await later.close();
  });

  test('a schedule runs and leaves its report; in maintenance a reader waits and goes on by himself', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    const { createSignInLink } = await server.ask<{ createSignInLink: string }>('mutation { createSignInLink(role: READER) }');
    const readers = await browser.newContext({ locale: 'ja-JP' });
    const reader = await readers.newPage();
    await reader.goto(createSignInLink);
    await reader.waitForSelector('#search');
    expect(await reader.locator('nav a').allInnerTexts()).toEqual(['検索', '文書']);
    await page.goto(`${server.url}/maintenance`);
    const weekly = page.getByTestId('schedule').filter({ hasText: 'Weekly maintenance' });
    await weekly.getByRole('button', { name: 'Run now' }).click();
    await weekly.filter({ hasText: /last\s+Done/ }).waitFor();
    await weekly.getByText('Earlier runs').click();
    await weekly
      .getByTestId('schedule-history')
      .getByText(/Verify all data \d/)
      .waitFor();
    const [report] = await Promise.all([context.waitForEvent('page'), page.getByRole('link', { name: 'Performance of the week' }).first().click()]);
    await report.getByRole('heading', { name: 'ERPFTS: performance' }).waitFor();
    await report.close();
    await page.getByLabel('Reason, shown to readers').fill('new disk');
    await page.getByRole('button', { name: 'Turn on' }).click();
    await reader.getByRole('heading', { name: 'メンテナンス中です' }).waitFor();
    await reader.getByText('new disk').waitFor();
    await page.getByTestId('maintenance-notice').getByText('Maintenance mode is on').waitFor();
    await page.getByRole('button', { name: 'Turn off' }).click();
    await reader.waitForSelector('#search');
    await readers.close();
    await context.close();
  });

  test('on a narrow window the other pages are behind "more"', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US', width: 390 });
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'Alerts' }).click();
    await page.waitForURL(/\/alerts/);
    await page.getByRole('heading', { name: 'Thresholds' }).waitFor();
    await context.close();
  });

  test('what no event tells of is seen to change as well: a schedule that another turns off', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/maintenance`);
    const isOn = () => page.getByRole('switch', { name: /On: Monthly/ }).isChecked();
    await expect.poll(isOn).toBe(true);
    await server.ask('mutation { enableSchedule(name: "MONTHLY", enabled: false) { name } }');
    await expect.poll(isOn, { timeout: 20_000 }).toBe(false);
    await server.ask('mutation { enableSchedule(name: "MONTHLY", enabled: true) { name } }');
    // Reports that were made elsewhere come as well, and older ones are asked for.
    for (let i = 0; i < 10; i++) await server.ask('mutation { makeReport(kind: CAPACITY) { id } }');
    await expect.poll(() => page.getByTestId('report').count(), { timeout: 20_000 }).toBe(8);
    const { reports } = await server.ask<{ reports: { totalCount: number } }>('{ reports(first: 1) { totalCount } }');
    await page.getByRole('button', { name: 'Show more' }).click();
    await expect.poll(() => page.getByTestId('report').count()).toBe(reports.totalCount);
    expect(await page.getByRole('button', { name: 'Show more' }).count()).toBe(0);
    await context.close();
  });
});
