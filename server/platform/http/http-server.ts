import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer';
import { ApolloServerPluginCacheControlDisabled, ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled';
import { expressMiddleware } from '@as-integrations/express5';
import { maxDepthRule } from '@escape.tech/graphql-armor-max-depth';
import cors from 'cors';
import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import { GraphQLError, type GraphQLSchema, type ValidationRule } from 'graphql';
import graphqlUploadExpress from 'graphql-upload/graphqlUploadExpress.mjs';
import helmet from 'helmet';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { type Settings } from '../../config/index.js';
import { AppError } from '../errors.js';
import { type Logger, wasSlowTold, withScope } from '../logging/index.js';
import { continueTrace } from '../tracing/index.js';
import { consoleFiles } from './console-files.js';
import { errorFormatter } from './format-error.js';
import { type Caller, callerOf, requestIdOf } from './caller.js';
import { CompiledOperations } from './compiled-operations.js';
import { HostGuard } from './host-guard.js';
import { OperationLane } from './operation-lane.js';
import { openSockets } from './operation-sockets.js';
import { type RepeatedAnswers } from './repeated-answers.js';
import { measuredOperations, type RequestMeter } from './request-meter.js';
import { ResponseMeter } from './response-meter.js';
import { maxSelectionsRule } from './selections.js';
import { replacedAddresses } from './replaced-addresses.js';
import { tracedOperations } from './traced-operations.js';
import { largestOperationBytes, sendError, sendFailure, statusOf } from './send-error.js';

/** Throws AppError UNAUTHENTICATED or FORBIDDEN unless the sender may use the route. */
export type Authorize = (request: Request, permission: string) => Promise<void>;

export interface HttpParts<Context extends { request: object }> {
  settings: Settings;
  schema: GraphQLSchema;
  /** Context of one HTTP operation. Throws AppError, e.g. RATE_LIMITED. */
  contextOf: (caller: Caller) => Promise<Context>;
  /** Whether a WebSocket connection may be opened. */
  mayConnect: (caller: Caller) => Promise<boolean>;
  /** Called before each operation on a WebSocket connection. Throws AppError, e.g. RATE_LIMITED. */
  beforeOperation: (caller: Caller) => Promise<void>;
  /** Context of one operation on a WebSocket connection: whoever opened it may have been signed out since. */
  operationContextOf: (caller: Caller) => Promise<Context>;
  /** Throws unless the sender may upload: asked before a byte is received. */
  beforeUpload: (caller: Caller) => Promise<void>;
  meter: RequestMeter;
  /** Answers that are sent again instead of executing the operation once more. */
  repeated: RepeatedAnswers<Context> | null;
  /** Routes beside GraphQL and the console. */
  routes: (app: Express) => void;
  log: Logger;
}

const graphqlPath = '/graphql';
const socketsClose = 1001;
const keepAliveMs = 75_000;
const longestUploadMs = 12 * 3_600_000;

/** A route whose AppErrors become JSON answers. */
export function route(handler: (request: Request, response: Response) => Promise<void>): RequestHandler {
  return (request, response, next) => {
    handler(request, response).catch((error: unknown) => {
      if (error instanceof AppError && !response.headersSent) sendError(response, statusOf[error.code] ?? 500, error);
      else next(error);
    });
  };
}

/** A refusal before an operation begins has its own HTTP status, which Apollo takes from the error's extensions. */
async function withStatus<T>(made: Promise<T>): Promise<T> {
  try {
    return await made;
  } catch (error) {
    const status = error instanceof AppError ? statusOf[error.code] : undefined;
    throw status && error instanceof AppError ? new GraphQLError(error.message, { originalError: error, extensions: { http: { status } } }) : error;
  }
}

/** GraphQL over HTTP and WebSocket, the routes and the console, all on one port. */
export class HttpServer<Context extends { request: object }> {
  readonly responses = new ResponseMeter();
  readonly #app = express();
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #guard: HostGuard;
  #apollo: ApolloServer<Context> | null = null;
  #lane: OperationLane<Context> | null = null;
  #disposeSockets: (() => Promise<void> | void) | null = null;
  #ready = false;
  /** What is done before requests are answered. */
  phase: 'starting' | 'migrating' | 'restoring' = 'starting';
  #closed: Promise<void> | null = null;

  constructor(private readonly settings: Settings) {
    this.#server = createServer((request, response) => {
      const requestId = requestIdOf(request);
      response.setHeader('x-request-id', requestId);
      this.responses.follow(request, response);
      withScope({ requestId }, () => {
        continueTrace(request.headers);
        if (this.#lane?.takes(request, graphqlPath) && this.#admits(request)) this.#lane.handle(request, response);
        else this.#app(request, response);
      });
    });
    // Node.js gives a whole request five minutes, in which no large archive comes over a slow line; its head still has one.
    this.#server.requestTimeout = longestUploadMs;
    // Longer than clients and proxies keep theirs (nginx a minute): who closes first must not be the one that is asked.
    this.#server.keepAliveTimeout = keepAliveMs;
    this.#sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 });
    this.#guard = new HostGuard({ host: settings.HOST, allowedHosts: settings.ALLOWED_HOSTS, corsOrigins: settings.CORS_ORIGINS });
    this.#app.disable('x-powered-by');
    // Answers to operations are never asked for again by their tag; the console's files have tags of their own.
    this.#app.disable('etag');
    this.#app.set('trust proxy', 'loopback');
    this.#app.use((request, response, next) => {
      const refusal = this.#guard.refusal(request.headers.host, request.headers.origin);
      if (refusal) sendError(response, 403, new AppError('FORBIDDEN', refusal));
      else next();
    });
    // Listening comes first, so that whoever asks during a start is told to wait instead of being refused.
    this.#app.use((_request, response, next) => {
      if (this.#ready) return next();
      response.setHeader('Retry-After', '2');
      response.status(503).json({ status: this.phase, timestamp: new Date().toISOString() });
    });
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => this.#upgrade(request, socket, head));
  }

  /** Address people open. */
  get url(): string {
    const address = this.#server.address() as AddressInfo | null;
    const host = ['0.0.0.0', '::'].includes(this.settings.HOST) ? '127.0.0.1' : this.settings.HOST;
    return `http://${host.includes(':') ? `[${host}]` : host}:${address?.port ?? this.settings.PORT}`;
  }

  /** Open WebSocket connections. */
  get webSockets(): number {
    return this.#sockets.clients.size;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(
          error.code === 'EADDRINUSE'
            ? new AppError('CONFLICT', `Port ${this.settings.PORT} is in use by another program.`, 'Stop it, or set PORT to another number.')
            : error,
        );
      });
      this.#server.listen(this.settings.PORT, this.settings.HOST, resolve);
    });
  }

  /** Answers requests from now on. */
  async open(parts: HttpParts<Context>): Promise<void> {
    const { settings, schema, log } = parts;
    const contextOf = (caller: Caller) => withStatus(parts.contextOf(caller));
    const formatError = errorFormatter(log, settings.DEBUG);
    parts.meter.onOperation(({ operation, tookMs }) => {
      if (tookMs === null || tookMs <= settings.SLOW_QUERY_THRESHOLD * 1000 || wasSlowTold(performance.now() - tookMs)) return;
      log.warn({ event: 'slow_query', operation, tookMs: Math.round(tookMs) }, 'an operation was slow');
    });
    const rules: ValidationRule[] = [
      maxDepthRule({ n: settings.GRAPHQL_MAX_DEPTH, propagateOnRejection: true }) as ValidationRule,
      maxSelectionsRule(settings.GRAPHQL_MAX_SELECTIONS),
    ];
    const compiled = new CompiledOperations(schema);
    this.#apollo = new ApolloServer<Context>({
      gateway: compiled,
      formatError,
      validationRules: rules,
      parseOptions: { maxTokens: settings.GRAPHQL_MAX_TOKENS },
      csrfPrevention: true,
      introspection: true,
      includeStacktraceInErrorResponses: settings.DEBUG,
      stopOnTerminationSignals: false,
      plugins: [
        ApolloServerPluginDrainHttpServer({ httpServer: this.#server, stopGracePeriodMillis: settings.SHUTDOWN_TIMEOUT_MS }),
        ApolloServerPluginLandingPageDisabled(),
        // Answers are for one signed-in person each: no proxy caches them, and no field needs to be asked for its age.
        ApolloServerPluginCacheControlDisabled(),
        measuredOperations(parts.meter),
        ...(settings.OTLP_TRACES_URL ? [tracedOperations] : []),
      ],
      logger: { debug: () => undefined, info: () => undefined, warn: (message) => log.warn(message), error: (message) => log.error(message) },
    });
    await this.#apollo.start();
    this.#disposeSockets = openSockets(this.#sockets, parts, formatError, rules);
    const secure = helmet({ contentSecurityPolicy: false, strictTransportSecurity: false });
    this.#app.use(secure);
    if (this.#guard.origins.length > 0) {
      this.#app.use(
        cors({
          origin: this.#guard.origins,
          methods: ['GET', 'POST'],
          allowedHeaders: ['authorization', 'content-type', 'apollo-require-preflight'],
          maxAge: 600,
        }),
      );
    }
    const uploads = graphqlUploadExpress({ maxFileSize: settings.UPLOAD_MAX_BYTES, maxFiles: settings.UPLOAD_MAX_FILES, maxFieldSize: 1024 * 1024 });
    this.#app.use(
      graphqlPath,
      (request, response, next) => {
        if (!request.is('multipart/form-data')) return next();
        parts.beforeUpload(callerOf(request, response)).then(
          () => void uploads(request, response, next),
          (error: unknown) => {
            request.resume();
            next(error);
          },
        );
      },
      express.json({ limit: largestOperationBytes }),
      expressMiddleware(this.#apollo, { context: ({ req, res }) => contextOf(callerOf(req, res)) }),
    );
    parts.routes(this.#app);
    for (const [pattern, field] of replacedAddresses) {
      this.#app.all(pattern, (request, response) =>
        sendError(response, 404, new AppError('NOT_FOUND', `${request.path} is not part of this product.`, `Use GraphQL: ${field}.`)),
      );
    }
    this.#app.use(consoleFiles());
    this.#app.use((request, response) =>
      sendError(response, 404, new AppError('NOT_FOUND', `There is nothing at ${request.path}.`, 'The console is at /, GraphQL at /graphql.')),
    );
    this.#app.use((error: unknown, _request: Request, response: Response, next: (error: unknown) => void) => {
      if (response.headersSent) next(error);
      else sendFailure(response, error, log);
    });
    this.#lane = new OperationLane<Context>({
      apollo: this.#apollo,
      contextOf,
      // A trace tells of operations that were executed, by one of Apollo Server's plugins.
      compiled: settings.OTLP_TRACES_URL ? null : compiled,
      repeated: settings.OTLP_TRACES_URL ? null : parts.repeated,
      meter: parts.meter,
      secure: (request, response) => secure(request, response, () => undefined),
      longest: largestOperationBytes,
      failed: (error, response) => {
        if (response.headersSent) response.destroy();
        else sendFailure(response, error, log);
      },
    });
    this.#ready = true;
  }

  /** Whether nothing of a request has to be refused, or answered with the headers that other sites' pages need. */
  #admits({ headers }: IncomingMessage): boolean {
    const foreign = this.#guard.origins.length > 0 && headers.origin !== undefined;
    return this.#ready && !foreign && this.#guard.refusal(headers.host, headers.origin) === null;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const refuse = (status: string) => socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    if (this.#guard.refusal(request.headers.host, request.headers.origin)) return void refuse('403 Forbidden');
    if (!this.#ready) return void refuse('503 Service Unavailable');
    if (new URL(request.url ?? '/', 'http://localhost').pathname !== graphqlPath) return void refuse('404 Not Found');
    this.#sockets.handleUpgrade(request, socket, head, (client) => this.#sockets.emit('connection', client, request));
  }

  /** Refuses new requests, lets those in progress finish within the limit and closes the rest. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#ready = false;
    for (const client of this.#sockets.clients) client.close(socketsClose, 'server is stopping');
    await this.#disposeSockets?.();
    // A client that keeps an idle connection for its next request has none in progress: it is not waited for.
    const sweep = setInterval(() => this.#server.closeIdleConnections(), 50);
    if (this.#apollo) await this.#apollo.stop();
    else this.#server.close();
    clearInterval(sweep);
    this.#server.closeAllConnections();
  }
}
