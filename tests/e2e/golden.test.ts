import { type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, launch, overflow, seriousIssues, signedIn } from '../support/browser.js';
import { TestServer } from '../support/server.js';
import { chroma } from '../support/stores.js';

/** 「ポンプ」 as spreadsheets in Japan save it: Shift_JIS. */
const pumpInShiftJis = Buffer.from([0x83, 0x7c, 0x83, 0x93, 0x83, 0x76]);

describe.skipIf(!hasBrowser)('golden queries in the console', () => {
  let server: TestServer;
  let browser: Browser;
  const ids = new Map<string, string>();
  beforeAll(async () => {
    [server, browser] = await Promise.all([TestServer.start({ GOLDEN_SCHEDULE: 'off', CACHE_SEARCH_TTL: '0' }), launch()]);
    for (const [name, content] of [
      ['pump.txt', '非常用ポンプは三号館にあり、毎月試運転する。'],
      ['crane.txt', 'The crane is inspected by the crew of hall five.'],
      ['boiler.txt', 'The boiler is heated at dawn by the foreman.'],
    ] as const)
      ids.set(name, (await server.take(name, content)).id);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** What the vector index has of a document. @returns puts it back */
  async function lose(name: string): Promise<() => Promise<void>> {
    const client = chroma(server);
    const collection = await client.getCollection({ name: (await client.listCollections())[0]!.name });
    const kept = await collection.get({ where: { documentId: ids.get(name)! }, include: ['embeddings', 'metadatas'] });
    await collection.delete({ ids: kept.ids });
    return () => collection.upsert({ ids: kept.ids, embeddings: kept.embeddings as number[][], metadatas: kept.metadatas as { documentId: string }[] });
  }

  test('a file of another encoding is read; a fall is told, and its scores are accepted', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/golden`);
    const csv = Buffer.concat([
      Buffer.from('query,expected\r\n'),
      pumpInShiftJis,
      Buffer.from(',pump.txt\r\nWho inspects the crane?,crane.txt\r\nlost,none.txt\r\n'),
    ]);
    await page.locator('input[type=file]').setInputFiles({ name: 'golden.csv', mimeType: 'text/csv', buffer: csv });
    await page.getByRole('link', { name: 'ポンプ', exact: true }).waitFor();
    await page.getByText('2 golden queries added, 0 were there already').waitFor();
    await page.getByText('none.txt').waitFor();
    await page.getByRole('button', { name: 'Score now' }).click();
    await page.getByText('found, rank 1').nth(1).waitFor();

    const putBack = await lose('crane.txt');
    await page.getByRole('button', { name: 'Score now' }).click();
    await page.getByText('nDCG@10 of the vector index alone fell from').waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await overflow(page)).toBe(0);
    await page.getByRole('button', { name: 'Accept these scores' }).click();
    await page.getByRole('button', { name: 'Accept these scores' }).waitFor({ state: 'detached' });
    await putBack();

    // One that came after the newest run has not been looked for yet.
    await server.ask('mutation($ids: [ID!]!) { addGoldenQuery(query: "When is the boiler heated?", documentIds: $ids) { id } }', {
      ids: [ids.get('boiler.txt')],
    });
    await page.reload();
    await page.getByText('not scored yet').waitFor();
    await context.close();
  });

  test('a document that the vector index has lost is repaired by a click', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'ja-JP' });
    await page.goto(`${server.url}/documents/${ids.get('boiler.txt')}`);
    await page.getByLabel('この文書が答えになるはずの質問').fill('When is the boiler heated?');
    // Left alone, it is put back within the minute.
    await lose('boiler.txt');
    await page.getByRole('button', { name: '調べる' }).click();
    await page.locator('li.lost').waitFor();
    await page.getByRole('button', { name: '修復する(読み直す)' }).click();
    await server.idle();
    await page.getByRole('button', { name: '調べる' }).click();
    await page.locator('li.lost').waitFor({ state: 'detached' });
    await page.getByText('見つかっています(1 位)。').waitFor();
    await context.close();
  });

  test('whoever only reads is offered nothing that is refused', async () => {
    const { createSignInLink } = await server.ask<{ createSignInLink: string }>('mutation { createSignInLink(role: READER) }');
    const context = await browser.newContext({ locale: 'en-US' });
    const page = await context.newPage();
    await page.goto(createSignInLink);
    await page.waitForSelector('#search');
    await page.goto(`${server.url}/?q=${encodeURIComponent('Who inspects the crane?')}`);
    await page.getByRole('button', { name: 'why?' }).first().waitFor();
    expect(await page.getByRole('button', { name: 'Is the answer' }).count()).toBe(0);
    expect(await page.getByTestId('time-spent').count()).toBe(0);
    await context.close();
  });
});
