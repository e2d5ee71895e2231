import { AxeBuilder } from '@axe-core/playwright';
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { isCi, notice } from './environment.js';
import { type TestServer } from './server.js';

const candidates = [process.env['CHROMIUM_PATH'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', chromium.executablePath()];
const executablePath = candidates.find((path) => path && existsSync(path));

/** Without a browser these suites are skipped, but not in CI. */
export const hasBrowser = executablePath !== undefined || isCi;
if (!hasBrowser) notice('No Chromium was found: the browser suites are skipped. Install Debian’s chromium, or set CHROMIUM_PATH.');

export async function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page that is signed in, in a language, at a width. */
export async function signedIn(
  browser: Browser,
  server: TestServer,
  options: { locale: string; width?: number; dark?: boolean },
): Promise<{ page: Page; context: BrowserContext }> {
  const { createSignInLink } = await server.ask<{ createSignInLink: string }>('mutation { createSignInLink }');
  const context = await browser.newContext({
    locale: options.locale,
    viewport: { width: options.width ?? 1440, height: 900 },
    colorScheme: options.dark ? 'dark' : 'light',
  });
  const page = await context.newPage();
  // Other suites share the cores.
  page.setDefaultTimeout(60_000);
  await page.goto(createSignInLink);
  await page.waitForSelector('#search');
  return { page, context };
}

/** Drops a file on the page as a hand does. */
export async function drop(page: Page, name: string, content: string | Uint8Array, type: string): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([fileName, base64, mimeType]) => {
      const data = new DataTransfer();
      const bytes = Uint8Array.from(atob(base64!), (character) => character.charCodeAt(0));
      data.items.add(new File([bytes], fileName!, { type: mimeType! }));
      return data;
    },
    [name, Buffer.from(content).toString('base64'), type],
  );
  for (const event of ['dragenter', 'dragover', 'drop']) await page.dispatchEvent('body', event, { dataTransfer: transfer });
}

/** Pixels the page is wider than its window. */
export const overflow = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

export async function seriousIssues(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}
