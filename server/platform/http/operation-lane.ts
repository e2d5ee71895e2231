import { type ApolloServer, HeaderMap } from '@apollo/server';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Caller } from './caller.js';
import { type CompiledOperations } from './compiled-operations.js';
import { type RepeatedAnswers, type SentAnswer } from './repeated-answers.js';
import { type RequestMeter } from './request-meter.js';

export interface LaneParts<Context extends { request: object }> {
  apollo: ApolloServer<Context>;
  /** Null where every operation is to pass through Apollo Server's plugins. */
  compiled: CompiledOperations | null;
  contextOf: (caller: Caller) => Promise<Context>;
  repeated: RepeatedAnswers<Context> | null;
  meter: RequestMeter;
  /** Sets the headers of every answer. */
  secure: (request: IncomingMessage, response: ServerResponse) => void;
  /** Longest body read here, bytes. */
  longest: number;
  failed: (error: unknown, response: ServerResponse) => void;
}

/** Whoever asks for another type is answered by Apollo Server. */
const acceptsJson = /^(?:\*\/\*|application\/json)$/i;
const jsonType = 'application/json; charset=utf-8';
const plainJson = /^application\/json(?:;\s*charset=utf-?8)?$/i;

/**
 * Operations sent as plain JSON, which are nearly all, are read and answered by Node's own server: routing, body parsing
 * and an answer in two pieces cost more than a kept answer does. Requests that need more than that are left to Express.
 */
export class OperationLane<Context extends { request: object }> {
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
    this.#answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) this.parts.secure(request, response);
      this.parts.failed(error, response);
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { apollo, contextOf, repeated, secure } = this.parts;
    const text = await read(request);
    if (text === null) return;
    // The time in which it was sent is the sender's.
    const started = performance.now();
    const body = parsed(text);
    const context = contextOf({
      authorization: request.headers.authorization,
      cookies: request.headers.cookie,
      address: request.socket.remoteAddress ?? '',
      setCookie: (cookie) => response.appendHeader('set-cookie', cookie),
    });
    const key = `${request.headers.accept ?? ''}\n${text}`;
    // Whoever is refused is told so by Apollo Server.
    const admitted = await context.catch(() => null);
    const kept = admitted && (await repeated?.find(key, admitted));
    if (kept) {
      secure(request, response);
      return this.#again(kept, response, started);
    }
    const keep = (headers: [string, string][], whole: Buffer, query: string) => {
      if (admitted) repeated?.keep(key, admitted, query, { headers, body: whole });
    };
    const known = admitted && acceptsJson.test(request.headers.accept ?? '*/*') && asked(body);
    const running = known ? this.parts.compiled?.again(known, admitted) : null;
    // Headers wait for the operation, which waits for others.
    secure(request, response);
    const again = await running;
    if (known && again) {
      const whole = Buffer.from(`${JSON.stringify({ data: again.data })}\n`);
      const headers: [string, string][] = [
        ['content-type', jsonType],
        ['content-length', String(whole.length)],
      ];
      this.#send(headers, whole, response);
      this.parts.meter.recordFor(admitted, again.operationName, performance.now() - started, false);
      keep(headers, whole, known.query);
      return;
    }
    if (admitted) this.parts.meter.began(admitted, started);
    const headers = new HeaderMap();
    for (const [name, value] of Object.entries(request.headers)) if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
    const answer = await apollo.executeHTTPGraphQLRequest({ httpGraphQLRequest: { method: 'POST', headers, search: '', body }, context: () => context });
    response.statusCode = answer.status ?? 200;
    if (answer.body.kind === 'complete') {
      const whole = Buffer.from(answer.body.string);
      this.#send(answer.headers, whole, response);
      const { query, extensions } = body as { query?: unknown; extensions?: unknown };
      // Errors come first in an answer that has some.
      if (typeof query !== 'string' || extensions || response.statusCode !== 200 || !answer.body.string.startsWith('{"data":')) return;
      keep([...answer.headers], whole, query);
      return;
    }
    for (const [name, value] of answer.headers) response.setHeader(name, value);
    for await (const part of answer.body.asyncIterator) response.write(part);
    response.end();
  }

  #send(headers: Iterable<[string, string]>, body: Buffer, response: ServerResponse): void {
    for (const [name, value] of headers) response.setHeader(name, value);
    response.end(body);
  }

  #again({ operationName, headers, body }: SentAnswer & { operationName: string | null }, response: ServerResponse, started: number): void {
    this.#send(headers, body, response);
    this.parts.meter.record(operationName, performance.now() - started, false);
  }
}

/** @returns null for what only Apollo Server understands, or refuses */
function asked(body: unknown): Parameters<CompiledOperations['again']>[0] | null {
  const { query, operationName = null, variables, extensions } = body as Record<string, unknown>;
  if (typeof query !== 'string' || (extensions !== undefined && extensions !== null) || !(operationName === null || typeof operationName === 'string'))
    return null;
  if (variables !== undefined && variables !== null && (typeof variables !== 'object' || Array.isArray(variables))) return null;
  return { query, operationName, variables: (variables ?? {}) as Record<string, unknown> };
}

/** @returns null where the client went away before it had sent all */
function read(request: IncomingMessage): Promise<string | null> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.once('error', () => resolve(null));
    request.once('close', () => resolve(null));
    request.once('end', () => resolve((parts.length === 1 ? parts[0]! : Buffer.concat(parts)).toString()));
  });
}

/** Throws a SyntaxError with the HTTP status it is answered by. */
function parsed(text: string): unknown {
  try {
    return (JSON.parse(text) as unknown) ?? {};
  } catch (error) {
    throw Object.assign(error as Error, { status: 400 });
  }
}
