import { type ApolloServer, HeaderMap } from '@apollo/server';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Caller } from './caller.js';

export interface LaneParts<Context extends object> {
  apollo: ApolloServer<Context>;
  contextOf: (caller: Caller) => Promise<Context>;
  /** Sets the headers of every answer. */
  secure: (request: IncomingMessage, response: ServerResponse) => void;
  /** Longest body read here, bytes. */
  longest: number;
  failed: (error: unknown, response: ServerResponse) => void;
}

const plainJson = /^application\/json(?:;\s*charset=utf-?8)?$/i;

/**
 * Operations sent as plain JSON, which are nearly all, are read and answered by Node's own server: routing, body parsing
 * and an answer in two pieces cost more than a kept answer does. Requests that need more than that are left to Express.
 */
export class OperationLane<Context extends object> {
  constructor(private readonly parts: LaneParts<Context>) {}

  /** Uploads, other methods, compressed or unsized bodies and what came by a proxy are not for this lane. */
  takes({ method, url, headers }: IncomingMessage, path: string): boolean {
    return (
      method === 'POST' &&
      url === path &&
      plainJson.test(headers['content-type'] ?? '') &&
      Number(headers['content-length'] ?? Infinity) <= this.parts.longest &&
      headers['content-encoding'] === undefined &&
      headers['x-forwarded-for'] === undefined &&
      headers['x-forwarded-proto'] === undefined &&
      headers.expect === undefined
    );
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#answer(request, response).catch((error: unknown) => this.parts.failed(error, response));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { apollo, contextOf, secure } = this.parts;
    secure(request, response);
    const body = await read(request);
    if (body === null) return;
    const headers = new HeaderMap();
    for (const [name, value] of Object.entries(request.headers)) if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
    const answer = await apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method: 'POST', headers, search: '', body },
      context: () =>
        contextOf({
          authorization: request.headers.authorization,
          cookies: request.headers.cookie,
          address: request.socket.remoteAddress ?? '',
          setCookie: (cookie) => response.appendHeader('set-cookie', cookie),
        }),
    });
    response.statusCode = answer.status ?? 200;
    for (const [name, value] of answer.headers) response.setHeader(name, value);
    if (answer.body.kind === 'complete') {
      response.end(answer.body.string);
      return;
    }
    for await (const part of answer.body.asyncIterator) response.write(part);
    response.end();
  }
}

/** @returns null where the client went away before it had sent all */
function read(request: IncomingMessage): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.once('error', () => resolve(null));
    request.once('close', () => resolve(null));
    request.once('end', () => {
      try {
        const value: unknown = JSON.parse((parts.length === 1 ? parts[0]! : Buffer.concat(parts)).toString());
        resolve(value ?? {});
      } catch (error) {
        reject(Object.assign(error as Error, { status: 400 }));
      }
    });
  });
}
