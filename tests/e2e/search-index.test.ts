import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, launch, overflow, seriousIssues, signedIn } from '../support/browser.js';
import { deriveModel } from '../support/derived-model.js';
import { TestServer } from '../support/server.js';

describe.skipIf(!hasBrowser)('another embedding model, and other passages', () => {
  let server: TestServer;
  let browser: Browser;
  let model: string;
  beforeAll(async () => {
    model = await mkdtemp(join(tmpdir(), 'erpfts-model-'));
    await deriveModel(model, 128);
    [server, browser] = await Promise.all([TestServer.start(), launch()]);
    const { id } = await server.take('boiler.txt', 'The boiler is swept each autumn before the heating season begins.');
    await server.take('lift.txt', 'The lift is inspected by an engineer every second spring.');
    await server.ask('mutation($id: ID!) { addGoldenQuery(query: "When is the boiler swept?", documentIds: [$id]) { id } }', { id });
    await server.quit();
    const dataDir = server.dataDir;
    server = await TestServer.start({ EMBEDDING_MODEL: model, CHUNK_MAX_TOKENS: '200', INDEX_SWITCH: 'ask' }, dataDir);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await rm(model, { recursive: true, force: true });
  });

  test('is compared, answers on a yes, and is gone back from', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'ja-JP', width: 390 });
    await page.goto(`${server.url}/search-index`);
    const index = (number: number) => page.getByTestId('generation').filter({ hasText: `索引 ${number}` });
    await index(2).getByText('承認待ち').waitFor();
    await index(2).getByText('模範の質問 1 件で比較').waitFor();
    await index(2).getByText('チャンク 200 トークン、重なり 15%、断片 120 トークン').waitFor();
    await index(1).getByText('チャンク 400 トークン').waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await index(2).getByRole('button', { name: 'この索引に切り替える' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'この索引に切り替える' }).click();
    await index(2).getByText('検索に使用中').waitFor();
    await index(1).getByText('切り戻し用に保管').waitFor();
    await index(1).getByRole('button', { name: 'この索引に戻す' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'この索引に切り替える' }).click();
    await index(1).getByText('検索に使用中').waitFor();
    await page.setViewportSize({ width: 1440, height: 900 });
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await context.close();
  });

  test('a job that failed says why in the language of the reader', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'ja-JP', width: 390 });
    await server.ask('mutation { addUrl(url: "http://nowhere.invalid/") { id } }');
    await page.goto(`${server.url}/jobs`);
    await page.getByText('ページを取得できませんでした。ログインせずにブラウザで開けるか確認してください。').waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await context.close();
  });
});
