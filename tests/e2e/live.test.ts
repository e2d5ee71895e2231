import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type Browser, type Page, type WebSocketRoute } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drop, hasBrowser, launch, overflow, seriousIssues, signedIn } from '../support/browser.js';
import { pdf } from '../support/files.js';
import { TestServer } from '../support/server.js';

/** A port that was free a moment ago: a page finds the server again only at the same address. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

const rowOf = (page: Page, text: string) => page.getByTestId('document-row').filter({ hasText: text });

describe.skipIf(!hasBrowser)('a page that is never loaded again', () => {
  let server: TestServer;
  let browser: Browser;
  let site: Server;
  let origin: string;
  let siteIsWell = true;
  beforeAll(async () => {
    site = createServer((_request, response) => {
      if (!siteIsWell) return void response.writeHead(503).end();
      const text = 'The ferry timetable changes on the first Sunday of May. '.repeat(10);
      response
        .setHeader('content-type', 'text/html; charset=utf-8')
        .end(
          `<!doctype html><html lang="en"><head><title>Ferry timetable</title></head><body><article><h1>Ferry timetable</h1><p>${text}</p></article></body></html>`,
        );
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    const env = { PORT: String(await freePort()), FETCH_ALLOWED_NETWORKS: '127.0.0.0/8' };
    [server, browser] = await Promise.all([TestServer.start(env), launch()]);
  });
  afterAll(async () => {
    site?.close();
    await browser?.close();
    await server?.stop();
  });

  test('a dropped PDF is seen being read, stage by stage, until it is ready', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/documents`);
    await page.getByRole('heading', { name: 'Documents' }).waitFor();
    // Whatever the row shows on its way, written down by the page itself.
    await page.evaluate(() => {
      const seen: string[] = [];
      Object.assign(window, { seen });
      new MutationObserver(() => {
        const row = document.querySelector('[data-testid="document-row"] [role="progressbar"]');
        const shown = row && `${row.closest('td')?.textContent?.trim().split(' ·')[0]} ${row.getAttribute('aria-valuenow')}`;
        if (shown && seen.at(-1) !== shown) seen.push(shown);
      }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
    });
    const pages = Array.from(
      { length: 80 },
      (_, day) => `Ship's log, day ${day}. ${`Wind force ${day % 9} from the north, course ${day * 3} degrees, all well. `.repeat(20)}`,
    );
    await drop(page, 'log.pdf', await pdf(pages), 'application/pdf');
    await rowOf(page, 'log').getByText('ready').waitFor({ timeout: 120_000 });
    const seen = await page.evaluate(() => (window as unknown as { seen: string[] }).seen);
    const shares = seen.map((shown) => Number(shown.split(' ').at(-1)));
    expect(new Set(seen.map((shown) => shown.replace(/ \d+$/, ''))).size, seen.join(', ')).toBeGreaterThan(1);
    expect(new Set(shares).size, seen.join(', ')).toBeGreaterThan(3);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    await context.close();
  });

  test('a pasted address is taken in; one that failed is read again with others', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/documents`);
    await page.getByRole('heading', { name: 'Documents' }).waitFor();
    const paste = async (text: string) => {
      await page.evaluate((address) => {
        const clipboardData = new DataTransfer();
        clipboardData.setData('text/plain', address);
        document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
      }, text);
      await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
    };
    await paste(`${origin}/timetable`);
    await rowOf(page, 'Ferry timetable').getByText('ready').waitFor();
    siteIsWell = false;
    for (const path of ['north', 'south']) {
      await paste(`${origin}/${path}`);
      await rowOf(page, path).getByText('failed').waitFor();
    }
    siteIsWell = true;
    for (const path of ['north', 'south']) await rowOf(page, path).getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Read again' }).click();
    await expect.poll(() => rowOf(page, 'Ferry timetable').getByText('ready').count(), { timeout: 30_000 }).toBe(3);
    await context.close();
  });

  test('what is told while the list is on its way is not forgotten when it comes', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/documents`);
    await page.getByTestId('document-row').first().waitFor();
    // The list is answered while the document is still read, and the answer arrives once it is ready.
    let arrived = (): void => undefined;
    const ready = new Promise<void>((resolve) => (arrived = resolve));
    let held = 0;
    await page.route('**/graphql', async (route) => {
      if (!/"operationName":"Documents"|query Documents\b/.test(route.request().postData() ?? '')) return route.continue();
      const response = await route.fetch();
      const body = await response.text();
      const { data } = JSON.parse(body) as { data: { documents: { edges: { node: { title: string; status: string } }[] } } };
      if (data.documents.edges.some(({ node }) => node.title === 'Late list' && node.status !== 'READY')) {
        held += 1;
        await ready;
      }
      return route.fulfill({ response, body });
    });
    // A pointer above the rows: they are only brought up to date where they are.
    await page.getByTestId('document-row').first().hover();
    const text = `Late list\n\n${'The answer left before the work was done. '.repeat(3000)}`;
    await drop(page, 'Late list.txt', Buffer.from(text), 'text/plain');
    await expect.poll(() => held, { timeout: 30_000 }).toBeGreaterThan(0);
    await server.idle();
    arrived();
    await rowOf(page, 'Late list').getByText('ready').waitFor({ timeout: 30_000 });
    await context.close();
  });

  test('a row under a pointer follows what was missed while the connection was lost', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    siteIsWell = false;
    const { addUrl } = await server.ask<{ addUrl: { document: { id: string } } }>('mutation ($url: String!) { addUrl(url: $url) { document { id } } }', {
      url: `${origin}/islands`,
    });
    await server.idle();
    siteIsWell = true;
    let reachable = true;
    const sockets: WebSocketRoute[] = [];
    await page.routeWebSocket(/graphql/, (socket) => {
      if (!reachable) return void socket.close();
      sockets.push(socket);
      socket.connectToServer();
    });
    await page.goto(`${server.url}/documents`);
    const row = page.locator(`tr:has(a[href="/documents/${addUrl.document.id}"])`);
    await row.getByText('failed').waitFor();
    const strip = page.getByTestId('status-strip');
    await strip.getByText('live', { exact: true }).waitFor();
    await row.hover();
    reachable = false;
    for (const socket of sockets) await socket.close();
    await strip.getByText('Connection lost at').waitFor();
    await server.ask('mutation ($ids: [ID!]!) { reprocessDocuments(ids: $ids) { id } }', { ids: [addUrl.document.id] });
    await server.idle();
    await row.getByText('failed').waitFor();
    reachable = true;
    await row.getByText('ready').waitFor();
    expect(await row.evaluate((element) => element.matches(':hover'))).toBe(true);
    await context.close();
  });

  test('a server that goes away is noticed, and found again', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US', width: 390 });
    await page.goto(`${server.url}/documents`);
    const strip = page.getByTestId('status-strip');
    await strip.getByText('live', { exact: true }).waitFor();
    await page.getByTestId('document-row').first().waitFor();
    const before = await page.getByTestId('document-row').count();
    await server.quit();
    await strip.getByText('Connection lost at').waitFor();
    expect(await page.getByTestId('document-row').count()).toBe(before);
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await server.boot();
    await strip.getByText('live', { exact: true }).waitFor({ timeout: 60_000 });
    await strip.getByText('Connection lost at').waitFor({ state: 'hidden' });
    // It listens again: what comes now is seen.
    await server.take('after.txt', 'This came after the server had come back.');
    await rowOf(page, 'after').getByText('ready').waitFor();
    await context.close();
  });
});
