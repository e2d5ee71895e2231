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
  await page.goto(createSignInLink);
  await page.waitForSelector('#search');
  return { page, context };
}
