import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer';
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled';
import { expressMiddleware } from '@as-integrations/express5';
import { maxDepthRule } from '@escape.tech/graphql-armor-max-depth';
import cors from 'cors';
import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import { type GraphQLError, type GraphQLSchema, specifiedRules, validate, type ValidationRule } from 'graphql';
import graphqlUploadExpress from 'graphql-upload/graphqlUploadExpress.mjs';
import { useServer } from 'graphql-ws/use/ws';
import helmet from 'helmet';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { type Settings } from '../../config/index.js';
import { AppError } from '../errors.js';
import { type Logger } from '../logging/index.js';
import { consoleFiles } from './console-files.js';
import { errorFormatter } from './format-error.js';
import { HostGuard } from './host-guard.js';

/** Who sends an operation, by HTTP or WebSocket. */
export interface Caller {
  authorization: string | undefined;
  cookies: string | undefined;
  address: string;
  setCookie: (cookie: string) => void;
}

/** Throws AppError UNAUTHENTICATED or FORBIDDEN unless the sender may use the route. */
export type Authorize = (request: Request, permission: string) => Promise<void>;

export interface HttpParts<Context extends object> {
  settings: Settings;
  schema: GraphQLSchema;
  /** Context of one HTTP operation. Throws AppError, e.g. RATE_LIMITED. */
  contextOf: (caller: Caller) => Promise<Context>;
  /** Context of one WebSocket connection; null refuses it. */
  connectionContextOf: (caller: Caller) => Promise<Context | null>;
  /** Context of one operation on a WebSocket connection. */
  operationContextOf: (connection: Context) => Context;
  /** Throws unless the sender may upload: asked before a byte is received. */
  beforeUpload: (caller: Caller) => Promise<void>;
  /** Routes beside GraphQL and the console. */
  routes: (app: Express) => void;
  log: Logger;
}

const graphqlPath = '/graphql';
const largestOperationBytes = '1mb';
const socketsClose = 1001;

/** The manual's REST addresses and the GraphQL fields that replaced them. */
const replaced: [RegExp, string][] = [
  [/^\/performance\/system-health/, 'query { health }'],
  [/^\/performance\/cache\/clear/, 'mutation { runMaintenance(task: CLEAR_CACHE) }'],
  [/^\/performance\//, 'query { metrics }'],
  [/^\/admin\/maintenance/, 'mutation { setMaintenanceMode }'],
  [/^\/api\/v1\/search/, 'query { search }'],
  [/^\/(api|admin)\//, 'the schema at /graphql'],
];

function callerOf(request: Request, response: Response): Caller {
  return {
    authorization: request.headers.authorization,
    cookies: request.headers.cookie,
    address: request.ip ?? '',
    setCookie: (cookie) => response.append('Set-Cookie', secured(cookie, request)),
  };
}

/** Behind TLS the cookie must not travel without it. */
export function secured(cookie: string, request: Request): string {
  return request.secure ? `${cookie}; Secure` : cookie;
}

/** Sends an error as JSON with the contract's code. */
export function sendError(response: Response, status: number, error: AppError): void {
  response.status(status).json({ error: { code: error.code, message: error.message, ...(error.remedy ? { remedy: error.remedy } : {}) } });
}

const statusOf: Partial<Record<AppError['code'], number>> = { UNAUTHENTICATED: 401, FORBIDDEN: 403, NOT_FOUND: 404, RATE_LIMITED: 429, BAD_USER_INPUT: 400, UNAVAILABLE: 503 };

/** A route whose AppErrors become JSON answers. */
export function route(handler: (request: Request, response: Response) => Promise<void>): RequestHandler {
  return (request, response, next) => {
    handler(request, response).catch((error: unknown) => {
      if (error instanceof AppError && !response.headersSent) sendError(response, statusOf[error.code] ?? 500, error);
      else next(error);
    });
  };
}

/** GraphQL over HTTP and WebSocket, the routes and the console, all on one port. */
export class HttpServer<Context extends object> {
  readonly #app = express();
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #guard: HostGuard;
  #apollo: ApolloServer<Context> | null = null;
  #disposeSockets: (() => Promise<void> | void) | null = null;
  #ready = false;
  #closed: Promise<void> | null = null;

  constructor(private readonly settings: Settings) {
    this.#server = createServer(this.#app);
    this.#sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 });
    this.#guard = new HostGuard({ host: settings.HOST, allowedHosts: settings.ALLOWED_HOSTS, corsOrigins: settings.CORS_ORIGINS });
    this.#app.disable('x-powered-by');
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
      response.status(503).json({ status: 'starting', timestamp: new Date().toISOString() });
    });
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => this.#upgrade(request, socket, head));
  }

  /** Address people open. */
  get url(): string {
    const address = this.#server.address() as AddressInfo | null;
    const host = ['0.0.0.0', '::'].includes(this.settings.HOST) ? '127.0.0.1' : this.settings.HOST;
    return `http://${host.includes(':') ? `[${host}]` : host}:${address?.port ?? this.settings.PORT}`;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(error.code === 'EADDRINUSE' ? new AppError('CONFLICT', `Port ${this.settings.PORT} is in use by another program.`, 'Stop it, or set PORT to another number.') : error);
      });
      this.#server.listen(this.settings.PORT, this.settings.HOST, resolve);
    });
  }

  /** Answers requests from now on. */
  async open(parts: HttpParts<Context>): Promise<void> {
    const { settings, schema, log } = parts;
    const formatError = errorFormatter(log, settings.DEBUG);
    const rules: ValidationRule[] = [maxDepthRule({ n: settings.GRAPHQL_MAX_DEPTH, propagateOnRejection: true }) as ValidationRule];
    this.#apollo = new ApolloServer<Context>({
      schema,
      formatError,
      validationRules: rules,
      parseOptions: { maxTokens: settings.GRAPHQL_MAX_TOKENS },
      csrfPrevention: true,
      introspection: true,
      includeStacktraceInErrorResponses: settings.DEBUG,
      stopOnTerminationSignals: false,
      plugins: [ApolloServerPluginDrainHttpServer({ httpServer: this.#server, stopGracePeriodMillis: settings.SHUTDOWN_TIMEOUT_MS }), ApolloServerPluginLandingPageDisabled()],
      logger: { debug: () => undefined, info: () => undefined, warn: (message) => log.warn(message), error: (message) => log.error(message) },
    });
    await this.#apollo.start();
    this.#openSockets(parts, formatError, rules);
    this.#app.use(helmet({ contentSecurityPolicy: false, strictTransportSecurity: false }));
    if (this.#guard.origins.length > 0) {
      this.#app.use(cors({ origin: this.#guard.origins, methods: ['GET', 'POST'], allowedHeaders: ['authorization', 'content-type', 'apollo-require-preflight'], maxAge: 600 }));
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
      expressMiddleware(this.#apollo, { context: ({ req, res }) => parts.contextOf(callerOf(req, res)) }),
    );
    parts.routes(this.#app);
    for (const [pattern, field] of replaced) {
      this.#app.all(pattern, (request, response) => sendError(response, 404, new AppError('NOT_FOUND', `${request.path} is not part of this product.`, `Use GraphQL: ${field}.`)));
    }
    this.#app.use(consoleFiles());
    this.#app.use((request, response) => sendError(response, 404, new AppError('NOT_FOUND', `There is nothing at ${request.path}.`, 'The console is at /, GraphQL at /graphql.')));
    this.#app.use((error: unknown, _request: Request, response: Response, next: (error: unknown) => void) => this.#failed(error, response, next, log));
    this.#ready = true;
  }

  #failed(error: unknown, response: Response, next: (error: unknown) => void, log: Logger): void {
    if (response.headersSent) return next(error);
    if (error instanceof AppError) return sendGraphqlError(response, statusOf[error.code] ?? 500, error);
    const { status, message, type } = error as { status?: number; message?: string; type?: string };
    if (status === 413 || type === 'entity.too.large') return sendGraphqlError(response, 413, new AppError('PAYLOAD_TOO_LARGE', 'The request is too large.', `Operations can have ${largestOperationBytes}; send files as multipart uploads.`));
    if (status && status >= 400 && status < 500) return sendGraphqlError(response, status, new AppError('BAD_USER_INPUT', message ?? 'The request cannot be read.'));
    log.error({ err: error }, 'a request failed');
    sendGraphqlError(response, 500, new AppError('INTERNAL_SERVER_ERROR', 'Something went wrong on the server.', 'Try again; if it happens again, look at the log.'));
  }

  #openSockets({ schema, connectionContextOf, operationContextOf }: HttpParts<Context>, formatError: ReturnType<typeof errorFormatter>, rules: ValidationRule[]): void {
    const formatted = (errors: readonly GraphQLError[]) => errors.map((error) => formatError(error.toJSON(), error));
    const { dispose } = useServer<Record<string, unknown>, { request: IncomingMessage; context?: Context }>(
      {
        schema,
        validate: (checked, document) => validate(checked, document, [...specifiedRules, ...rules]),
        onConnect: async ({ connectionParams, extra }) => {
          const authorization = connectionParams?.['authorization'];
          const context = await connectionContextOf({
            authorization: typeof authorization === 'string' ? authorization : undefined,
            cookies: extra.request.headers.cookie,
            address: extra.request.socket.remoteAddress ?? '',
            setCookie: () => undefined,
          });
          if (!context) return false;
          extra.context = context;
          return true;
        },
        context: ({ extra }) => extra.context && operationContextOf(extra.context),
        onError: (_context, _id, _payload, errors) => formatted(errors),
        onNext: (_context, _id, _payload, _args, result) => (result.errors ? { ...result, errors: formatted(result.errors) as unknown as GraphQLError[] } : undefined),
      },
      this.#sockets,
    );
    this.#disposeSockets = dispose;
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
    if (this.#apollo) await this.#apollo.stop();
    else this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** GraphQL clients expect their own shape of errors, whatever went wrong before GraphQL began. */
function sendGraphqlError(response: Response, status: number, error: AppError): void {
  response.status(status).json({ errors: [{ message: error.message, extensions: { code: error.code, ...(error.remedy ? { remedy: error.remedy } : {}) } }] });
}
