import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Latencies, RollingWindow } from '../metering/index.js';

export interface MeasuredResponse {
  /** The first part of its path, of those that lead somewhere; `console` for pages and their files. */
  route: string;
  method: string;
  status: number;
  tookMs: number;
}

export interface ResponseRates extends Latencies {
  /** Responses a second, over the last minute. */
  perSecond: number;
  /** Share answered with a status of 500 or more. */
  failedShare: number | null;
}

const routes = new Set(['graphql', 'health', 'metrics', 'sign-in', 'originals', 'logs', 'reports', 'backups']);
/** As nginx counts a client that left before it was answered. */
const clientHasGone = 499;
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Rate, latency and status of everything that is answered over HTTP, a page's files included. */
export class ResponseMeter {
  readonly #window = new RollingWindow<MeasuredResponse>();
  readonly #listeners: ((response: MeasuredResponse) => void)[] = [];

  onResponse(listener: (response: MeasuredResponse) => void): void {
    this.#listeners.push(listener);
  }

  /** Measures until the response has been sent, or whoever asked has gone. */
  follow(request: IncomingMessage, response: ServerResponse): void {
    const started = performance.now();
    // Now: Express shortens the address of what it hands on.
    const first = /^\/([\w-]*)/.exec(request.url ?? '')?.[1] ?? '';
    response.once('close', () => {
      const measured = {
        route: routes.has(first) ? first : 'console',
        // Whatever else a client writes there would make figures without bound.
        method: methods.has(request.method ?? '') ? request.method! : 'other',
        status: response.writableFinished ? response.statusCode : clientHasGone,
        tookMs: performance.now() - started,
      };
      for (const listener of this.#listeners) listener(measured);
      this.#window.add(measured);
    });
  }

  rates(): ResponseRates {
    const { perSecond, latencies, shareOf } = this.#window.read();
    return { perSecond, ...latencies, failedShare: shareOf(({ status }) => status >= 500) };
  }
}
