import { type LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import { type Settings, version } from '../config/index.js';
import { messageOf } from '../platform/errors.js';
import { AddressGuard } from './address-guard.js';
import { ReadingRefused } from './refusal.js';

type FetchSettings = Pick<Settings, 'FETCH_TIMEOUT_MS' | 'FETCH_MAX_BYTES' | 'FETCH_MAX_REDIRECTS' | 'FETCH_ALLOWED_NETWORKS'>;

export interface WebPage {
  /** Where the redirects led. */
  url: string;
  /** The page's bytes, read once. */
  body(): Readable;
}

const htmlTypes = ['text/html', 'application/xhtml+xml'];

/** Fetches web pages through the address guard, with limits on time, size and redirects. */
export class WebFetcher {
  readonly guard: AddressGuard;

  constructor(private readonly settings: FetchSettings) {
    this.guard = new AddressGuard(settings.FETCH_ALLOWED_NETWORKS);
  }

  async fetchPage(address: string, signal: AbortSignal): Promise<WebPage> {
    const timeout = AbortSignal.timeout(this.settings.FETCH_TIMEOUT_MS);
    const either = AbortSignal.any([signal, timeout]);
    try {
      return await this.#follow(this.guard.canonical(address), either);
    } catch (error) {
      if (error instanceof ReadingRefused) throw error;
      if (signal.aborted) throw error;
      if (timeout.aborted)
        throw new ReadingRefused(
          'TIMEOUT',
          `The page did not arrive within ${this.settings.FETCH_TIMEOUT_MS / 1000} s.`,
          'Try again later, or raise FETCH_TIMEOUT_MS.',
        );
      throw new ReadingRefused(
        'FETCH_FAILED',
        `The page could not be fetched: ${causeOf(error)}.`,
        'Check that it opens in a browser on this machine, then retry.',
      );
    }
  }

  async #follow(start: URL, signal: AbortSignal): Promise<WebPage> {
    let url = start;
    for (let redirects = 0; ; redirects++) {
      const { address, family } = await this.guard.resolve(url.hostname);
      const agent = new Agent({ connect: { lookup: pinned(address, family) }, maxHeaderSize: 64 * 1024 });
      try {
        const response = await request(url, {
          dispatcher: agent,
          signal,
          headers: { 'user-agent': `erpfts/${version}`, accept: htmlTypes.join(', '), 'accept-encoding': 'identity' },
        });
        const location = response.headers['location'];
        if (response.statusCode >= 300 && response.statusCode < 400 && typeof location === 'string') {
          if (redirects >= this.settings.FETCH_MAX_REDIRECTS)
            throw new ReadingRefused(
              'FETCH_FAILED',
              `The page was redirected more than ${this.settings.FETCH_MAX_REDIRECTS} times.`,
              'Use the address it should lead to.',
            );
          url = this.guard.canonical(new URL(location, url).href);
          continue;
        }
        if (response.statusCode !== 200)
          throw new ReadingRefused('FETCH_FAILED', `The site answered ${response.statusCode}.`, 'Check that the page opens in a browser without signing in.');
        const type = String(response.headers['content-type'] ?? 'text/html')
          .split(';')[0]!
          .trim()
          .toLowerCase();
        if (!htmlTypes.includes(type))
          throw new ReadingRefused('UNSUPPORTED_FORMAT', `The address leads to ${type}, not to a web page.`, 'Download the file and upload it.');
        const parts = await this.#receive(response.body);
        return { url: url.href, body: () => Readable.from(parts) };
      } finally {
        void agent.destroy();
      }
    }
  }

  async #receive(body: AsyncIterable<Buffer>): Promise<Buffer[]> {
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of body) {
      size += part.length;
      if (size > this.settings.FETCH_MAX_BYTES)
        throw new ReadingRefused(
          'PAYLOAD_TOO_LARGE',
          `The page is larger than ${Math.round(this.settings.FETCH_MAX_BYTES / 1024 ** 2)} MB.`,
          'Raise FETCH_MAX_BYTES if it really is that large.',
        );
      parts.push(part);
    }
    return parts;
  }
}

/** Always answers with the address that was checked. */
function pinned(address: string, family: 4 | 6): LookupFunction {
  return (_hostname, options, callback) => {
    if (options.all) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return messageOf(cause);
}
