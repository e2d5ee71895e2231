import { execFileSync } from 'node:child_process';
import { type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drop, hasBrowser, launch, overflow, seriousIssues, signedIn } from '../support/browser.js';
import { TestServer } from '../support/server.js';

const rules = '# 就業規則\n\n## 第21条 年次有給休暇\n\n会社は、雇い入れの日から6か月間継続勤務した従業員に、10日の有給休暇を与える。\n';

describe.skipIf(!hasBrowser)('console', () => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    [server, browser] = await Promise.all([TestServer.start(), launch()]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test('a reader drops a file, asks in Japanese and lands at the passage', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.getByText('No document yet').waitFor();
    await page.goto(`${server.url}/documents`);
    await page.getByRole('heading', { name: 'Documents' }).waitFor();
    await drop(page, 'rules.md', rules, 'text/markdown');
    const row = page.getByTestId('document-row').filter({ hasText: '就業規則' });
    await row.getByText('ready').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('body').press('g');
    await page.locator('body').press('s');
    await page.locator('#search').fill('有給休暇は入社何か月後から?');
    await page.locator('#search').press('Enter');
    await page.locator('mark').first().waitFor();
    await page.locator('article h2 a').first().click();
    await page.locator('[aria-current="true"]').getByText('6か月間継続勤務').waitFor();
    expect(new URL(page.url()).searchParams.get('passage')).not.toBeNull();
    expect(await seriousIssues(page)).toEqual([]);
    await context.close();
  });

  test.each([
    ['en-US', 390, false],
    ['ja-JP', 390, true],
    ['ja-JP', 1440, true],
    ['en-US', 1440, false],
  ])('pages fit and are accessible: %s at %d px, dark %s', async (locale, width, dark) => {
    const { page, context } = await signedIn(browser, server, { locale, width, dark });
    await page
      .getByRole('link', { name: locale === 'ja-JP' ? '文書' : 'Documents' })
      .first()
      .waitFor();
    await page.goto(`${server.url}/?q=${encodeURIComponent('How many days of paid leave?')}`);
    await page.locator('article').first().waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await page.goto(`${server.url}/documents`);
    await page.getByTestId('document-row').first().waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await page.getByTestId('document-row').first().getByRole('link').click();
    await page.locator('#why-not').waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await page.goto(`${server.url}/golden`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await context.close();
  });

  test('operators are explained, a misspelling is corrected, and a hit tells why', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.getByText('Narrow a search').click();
    await page.getByText('after:2025-04').waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await server.take('pump.txt', 'The emergency pump is tested by the night shift on the first of each month.');
    await page.goto(`${server.url}/?q=${encodeURIComponent('pump type:txt type:txt -turbine -turbine')}`);
    const understood = page.getByTestId('understood');
    await understood.getByText('type').waitFor();
    await understood.getByText('leaves out').waitFor();
    await page.getByRole('button', { name: 'why?' }).first().click();
    await page.getByText('by meaning').first().waitFor();
    await page.getByText('Where the time went').click();
    await page.getByTestId('time-spent').getByText('Vector index').waitFor();
    await page.goto(`${server.url}/?q=emergancy`);
    await page.getByText('Did you mean').waitFor();
    await page.getByRole('button', { name: 'emergency' }).click();
    await page.waitForFunction(() => new URLSearchParams(location.search).get('q') === 'emergency');
    await page.locator('article').filter({ hasText: 'pump' }).first().waitFor();
    expect(await seriousIssues(page)).toEqual([]);
    await context.close();
  });

  test('what is done on one search or document is not taken along to the next', async () => {
    const lanterns = Array.from({ length: 24 }, (_, i) => ({ name: `lantern ${i}.txt`, content: `Lantern ${i} hangs over gate ${i * 7} of the old town.` }));
    await server.upload(lanterns);
    await server.idle();
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/?q=lantern`);
    await page.locator('article').first().waitFor();
    const shown = page.locator('article');
    expect(await shown.count()).toBe(10);
    // Twice in a moment, as people click.
    await page.getByRole('button', { name: 'More' }).dblclick();
    await expect.poll(() => shown.count()).toBeGreaterThan(10);
    const links = await shown.locator('h2 a').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
    expect(new Set(links).size).toBe(links.length);
    await page.getByRole('button', { name: 'Is the answer' }).first().click();
    await page.getByRole('button', { name: 'Kept as golden query' }).waitFor();
    await page.locator('#search').fill('gate of the old town');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.getByRole('button', { name: 'Kept as golden query' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Is the answer' }).first().waitFor();
    const { goldenQueries } = await server.ask<{ goldenQueries: { edges: { node: { id: string } }[] } }>('{ goldenQueries { edges { node { id } } } }');
    await server.ask('mutation($ids: [ID!]!) { deleteGoldenQueries(ids: $ids) }', { ids: goldenQueries.edges.map(({ node }) => node.id) });

    await page.goto(`${server.url}${links[0]!}`);
    await page.getByRole('button', { name: 'Look' }).click();
    await page.getByText('It is found: rank').waitFor();
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.locator('#similar a').first().click();
    await page.waitForURL((url) => !links[0]!.startsWith(url.pathname));
    await page.getByRole('button', { name: 'Rename' }).waitFor();
    expect(await page.getByText('It is found: rank').count()).toBe(0);
    await context.close();
  });

  test('a narrowing that no document passes is told, with the way out', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/?q=${encodeURIComponent('emergency pump tag:nowhere')}`);
    await page.getByText('No document has what').waitFor();
    await page.getByRole('button', { name: 'Search without these restrictions' }).click();
    await page.waitForFunction(() => new URLSearchParams(location.search).get('q') === 'emergency pump');
    await page.locator('article').first().waitFor();
    await context.close();
  });

  test('a hit becomes a golden query, which is scored', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/golden`);
    await page.getByText('No golden query yet').waitFor();
    await page.goto(`${server.url}/?q=${encodeURIComponent('Who tests the emergency pump?')}`);
    await page.getByRole('button', { name: 'Is the answer' }).first().click();
    await page.getByRole('button', { name: 'Kept as golden query' }).waitFor();
    await page.goto(`${server.url}/golden`);
    await page.getByText('not scored yet').waitFor();
    await page.getByRole('button', { name: 'Score now' }).click();
    await page.getByText('found, rank 1').waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await overflow(page)).toBe(0);
    await context.close();
  });

  test('an operator sees why a document is not found', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    const { documents } = await server.ask<{ documents: { edges: { node: { id: string } }[] } }>(
      '{ documents(filter: { text: "pump" }) { edges { node { id } } } }',
    );
    await page.goto(`${server.url}/documents/${documents.edges[0]!.node.id}`);
    await page.getByLabel('The question it should answer').fill('pump -emergency');
    await page.getByRole('button', { name: 'Look' }).click();
    await page.locator('li.lost').getByText('Phrases and exclusions').waitFor();
    await page.getByLabel('The question it should answer').fill('emergency pump');
    await page.getByRole('button', { name: 'Look' }).click();
    await page.getByText('It is found: rank 1.').waitFor();
    expect(await seriousIssues(page)).toEqual([]);
    await context.close();
  });

  test('the filters of the search a reader comes from are looked at as well, and lead back', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/?q=${encodeURIComponent('emergency pump')}&language=ja`);
    await page.getByRole('link', { name: 'Documents' }).first().click();
    await page.getByTestId('document-row').getByRole('link', { name: 'pump' }).click();
    await page.getByLabel('With the filters of the last search (1)').waitFor();
    expect(await page.getByLabel('The question it should answer').inputValue()).toBe('emergency pump');
    await page.getByRole('button', { name: 'Look', exact: true }).click();
    await page.locator('li.lost').getByText('Filters', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Look without these filters' }).click();
    await page.getByText('It is found: rank 1.').waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);

    await page.goto(`${server.url}/?q=${encodeURIComponent('emergency pump')}&format=text%2Fplain`);
    await page.locator('article').getByRole('link', { name: 'pump', exact: true }).first().click();
    await page.getByRole('link', { name: 'Back to' }).click();
    await page.waitForURL((url) => url.searchParams.get('format') === 'text/plain');
    await page.locator('article').first().waitFor();
    await context.close();
  });

  test('language and theme switch in place', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.getByRole('button', { name: 'Language' }).first().click();
    await page.getByRole('menuitem', { name: '日本語' }).click();
    await page.getByRole('button', { name: '表示テーマ' }).click();
    await page.getByRole('menuitem', { name: 'ダーク' }).click();
    await page.waitForFunction(() => document.documentElement.classList.contains('dark'));
    await page.reload();
    await page.getByRole('link', { name: '文書' }).first().waitFor();
    await context.close();
  });

  test('ChromaDB dies and heals before the reader’s eyes', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.getByTestId('health').getByText('healthy').waitFor();
    const chroma = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(server.pid)])
      .toString()
      .split('\n')
      .find((line) => line.includes('chroma-child'));
    process.kill(Number(chroma?.trim().split(' ')[0]), 'SIGKILL');
    await page.getByTestId('status-strip').getByText('Vector index').waitFor();
    await page.getByTestId('health').getByText('healthy').waitFor();
    await context.close();
  });

  test('an operator deletes a document after confirming', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/documents`);
    await page.getByTestId('document-row').nth(1).waitFor();
    for (const row of await page.getByTestId('document-row').all()) await row.getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('No document yet').waitFor();
    await context.close();
  });
});
