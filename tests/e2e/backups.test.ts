import { readFile } from 'node:fs/promises';
import { type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backUp } from '../support/backups.js';
import { hasBrowser, launch, overflow, seriousIssues, signedIn } from '../support/browser.js';
import { TestServer } from '../support/server.js';

describe.skipIf(!hasBrowser)('backups', () => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    [server, browser] = await Promise.all([TestServer.start(), launch()]);
    await server.take('quay.txt', 'The quay is swept on Fridays.');
    await server.take('crane.txt', 'The crane lifts forty tonnes.');
    await server.idle();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test('everything is saved by one button, with progress, and the proof is told', async () => {
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/backups`);
    await page.getByText('There is no good backup yet.').waitFor();
    await page.getByRole('button', { name: 'Everything' }).click();
    await page.getByTestId('backup-job').waitFor();
    const backup = page.getByTestId('backup');
    await backup.getByText('Restore proven').waitFor({ timeout: 60_000 });
    await page.getByTestId('backup-summary').getByText('Last proven restore').waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), backup.getByRole('link', { name: /Download/ }).click()]);
    expect(download.suggestedFilename()).toMatch(/^\d{8}T\d{6}Z-full-[0-9a-f]{4}\.tar$/);
    const archive = await readFile(await download.path());
    expect(archive.includes('manifest.json')).toBe(true);
    await context.close();
  });

  test('a single document is brought back out of a backup', async () => {
    const { documents } = await server.ask<{ documents: { edges: { node: { id: string; title: string } }[] } }>(
      '{ documents { edges { node { id title } } } }',
    );
    const crane = documents.edges.find(({ node }) => node.title === 'crane')!.node.id;
    await server.ask('mutation($ids: [ID!]!) { deleteDocuments(ids: $ids) { id } }', { ids: [crane] });
    await server.idle();
    const { page, context } = await signedIn(browser, server, { locale: 'ja-JP', width: 390 });
    await page.goto(`${server.url}/backups`);
    await page
      .getByRole('button', { name: /中の文書/ })
      .first()
      .click();
    await page.getByLabel('題名で探す').fill('cra');
    const found = page.getByTestId('saved-document');
    await expect.poll(() => found.count()).toBe(1);
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    if (process.env['SCREENSHOTS']) await page.screenshot({ path: `${process.env['SCREENSHOTS']}/saved-documents.png` });
    await found.getByRole('button', { name: /戻す/ }).click();
    await page.getByText('完了しました。').waitFor();
    await server.idle();
    const { search } = await server.ask<{ search: { hits: { document: { id: string } }[] } }>('{ search(query: "crane tonnes") { hits { document { id } } } }');
    expect(search.hits[0]!.document.id).toBe(crane);
    await context.close();
  });

  test('the wizard says what a restore changes, asks for the id, and shows its end after the restart', async () => {
    await server.take('later.txt', 'What came later.');
    await server.idle();
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/backups`);
    await page
      .getByRole('button', { name: /^Restore/ })
      .first()
      .click();
    await page.getByTestId('restore-preview').getByText('1 documents that are not in the backup will be gone. later').waitFor();
    const button = page.getByRole('dialog').getByRole('button', { name: 'Restore' });
    expect(await button.isDisabled()).toBe(true);
    const id = await page.getByRole('dialog').locator('code').innerText();
    await page.getByLabel(/To confirm/).fill(id);
    await button.click();
    await page.getByText('Done.').waitFor({ timeout: 90_000 });
    // Whoever was signed in still is.
    await page.goto(`${server.url}/documents`);
    await page.getByText('quay').first().waitFor();
    expect(await page.getByText('later').count()).toBe(0);
    await context.close();
  });

  test('an archive of another machine is received and checked', async () => {
    const { id } = (await backUp(server, 'LIBRARY')) as { id: string };
    const response = await fetch(`${server.url}/backups/${id}/archive`, { headers: { authorization: server.authorization } });
    const archive = Buffer.from(await response.arrayBuffer());
    await server.ask('mutation($id: ID!) { deleteBackup(id: $id) }', { id });
    const { page, context } = await signedIn(browser, server, { locale: 'en-US' });
    await page.goto(`${server.url}/backups`);
    await page.getByLabel(/Take a backup or a library in/).setInputFiles({ name: 'library.tar', mimeType: 'application/x-tar', buffer: archive });
    await page.getByText('Done.').waitFor();
    await page.getByText(id).waitFor();
    // What is here already stays as it is, and whoever takes the rest in is told where the two differ.
    const { documents } = await server.ask<{ documents: { edges: { node: { id: string; title: string } }[] } }>(
      '{ documents { edges { node { id title } } } }',
    );
    const quay = documents.edges.find(({ node }) => node.title === 'quay')!.node.id;
    await server.ask('mutation($id: ID!) { updateDocument(id: $id, input: { title: "Night quay" }) { id } }', { id: quay });
    const archived = page.getByTestId('backup').filter({ hasText: id });
    await archived.getByRole('button', { name: /^Documents in it/ }).click();
    await page.getByRole('button', { name: 'Bring back all that are missing' }).click();
    const outcome = page.getByTestId('import-outcome');
    await outcome.getByText(/known already: \d, questions: 0, conflicts: 1/).waitFor();
    await outcome.getByText('Show the conflicts').click();
    await outcome.getByText('It is here under the title "Night quay", which stays.').waitFor();
    expect(await seriousIssues(page)).toEqual([]);
    await page
      .getByLabel(/Take a backup or a library in/)
      .setInputFiles({ name: 'broken.tar', mimeType: 'application/x-tar', buffer: archive.subarray(0, 700) });
    await page.getByText(/The archive/).waitFor();
    // In the language of whoever reads it.
    const { page: japanese, context: other } = await signedIn(browser, server, { locale: 'ja-JP', width: 390, dark: true });
    await japanese.goto(`${server.url}/backups`);
    await japanese.getByLabel(/ファイルから受け取る/).setInputFiles({ name: 'broken.tar', mimeType: 'application/x-tar', buffer: archive.subarray(0, 700) });
    await japanese.getByText(/アーカイブを読めません/).waitFor();
    expect(await overflow(japanese)).toBe(0);
    await other.close();
    const row = page.getByTestId('backup').filter({ hasText: id });
    await row.getByRole('button', { name: /Delete/ }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await expect.poll(() => row.count()).toBe(0);
    await context.close();
  });

  test.each([
    { locale: 'en-US', width: 1440, dark: false },
    { locale: 'ja-JP', width: 390, dark: true },
  ])('the page reads well in $locale at $width px', async (options) => {
    const { page, context } = await signedIn(browser, server, options);
    await page.goto(`${server.url}/backups`);
    await page.getByTestId('backup').first().waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    if (process.env['SCREENSHOTS']) await page.screenshot({ path: `${process.env['SCREENSHOTS']}/backups-${options.width}.png`, fullPage: true });
    await page
      .getByRole('button', { name: options.width === 390 ? /^復元/ : /^Restore/ })
      .first()
      .click();
    await page.getByTestId('restore-preview').waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    if (process.env['SCREENSHOTS']) await page.screenshot({ path: `${process.env['SCREENSHOTS']}/restore-${options.width}.png` });
    await context.close();
  });
});
