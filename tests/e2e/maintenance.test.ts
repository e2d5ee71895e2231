import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, launch, overflow, seriousIssues, signedIn } from '../support/browser.js';
import { TestServer } from '../support/server.js';

describe.skipIf(!hasBrowser)('maintenance', () => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    [server, browser] = await Promise.all([TestServer.start(), launch()]);
    await server.take('winch.txt', 'The winch is greased after every tide.');
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test('tasks are run, their outcome is seen, and damage is named and mended', async () => {
    const stray = 'd'.repeat(64);
    await mkdir(join(server.dataDir, 'originals/dd/dd'), { recursive: true });
    await writeFile(join(server.dataDir, 'originals/dd/dd', stray), 'Driftwood.');
    const { page, context } = await signedIn(browser, server, { locale: 'en-US', width: 390 });
    await page.goto(`${server.url}/maintenance`);
    const task = (name: string) => page.getByTestId('task').filter({ hasText: name });
    const verify = task('Verify all data');
    await verify.getByText('Never run').waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await verify.getByRole('button', { name: 'Run' }).click();
    await verify.getByText('differences: 1').waitFor({ timeout: 30_000 });
    await verify.getByText('Show the differences').click();
    await verify.getByText('A file among the originals belongs to no document.').waitFor();
    const repair = task('Verify and repair');
    await repair.getByRole('combobox').selectOption({ label: 'Only show what would be mended' });
    await repair.getByRole('button', { name: 'Run' }).click();
    await repair.getByText('differences: 1, of which 1 can be mended').waitFor({ timeout: 30_000 });
    await repair.getByRole('combobox').selectOption({ label: 'Repair what can be repaired' });
    await repair.getByRole('button', { name: 'Run' }).click();
    // Nothing is begun until it was said what it means.
    const dialog = page.getByRole('alertdialog');
    await dialog.getByText('Have a backup first').waitFor();
    expect(await seriousIssues(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await repair.getByText('of which 1 can be mended').waitFor();
    await repair.getByRole('button', { name: 'Run' }).click();
    await dialog.getByRole('button', { name: 'Run' }).click();
    await repair.getByText('differences: 1, mended: 1').waitFor({ timeout: 30_000 });
    await verify.getByRole('button', { name: 'Run' }).click();
    await verify.getByText('everything is whole').waitFor({ timeout: 30_000 });
    await page.setViewportSize({ width: 1440, height: 900 });
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await context.close();
  });

  test('in Japanese and dark, what ran before is told', async () => {
    await server.ask('mutation { runMaintenance(task: ANALYZE) { id } }');
    await server.idle();
    const { page, context } = await signedIn(browser, server, { locale: 'ja-JP', width: 390, dark: true });
    await page.goto(`${server.url}/maintenance`);
    await page.getByTestId('task').filter({ hasText: 'データベースの統計を更新' }).getByText('完了').waitFor();
    expect([await overflow(page), await seriousIssues(page)]).toEqual([0, []]);
    await context.close();
  });
});
