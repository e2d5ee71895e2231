import {
  execute,
  type ExecutionArgs,
  type ExecutionResult,
  getOperationAST,
  GraphQLError,
  parse,
  specifiedRules,
  validate,
  type ValidationRule,
} from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { randomUUID } from 'node:crypto';
import { type IncomingMessage } from 'node:http';
import { type WebSocketServer } from 'ws';
import { AppError } from '../errors.js';
import { nameActor, nameOperation, withScope } from '../logging/index.js';
import { type Caller } from './caller.js';
import { type errorFormatter } from './format-error.js';
import { type HttpParts } from './http-server.js';
import { isFault, type RequestMeter } from './request-meter.js';
import { traced } from './traced-operations.js';

/** Queries and mutations are measured, traced and named in the log as those by HTTP are; a subscription has no time of its own. */
function measured(args: ExecutionArgs, meter: RequestMeter): Promise<ExecutionResult> {
  const { viewer } = (args.contextValue ?? {}) as { viewer?: { name?: string } | null };
  return withScope({ requestId: randomUUID() }, async () => {
    const started = performance.now();
    const operation = getOperationAST(args.document, args.operationName);
    const name = operation?.name?.value ?? null;
    nameActor(viewer?.name);
    nameOperation(name);
    const end = traced(operation?.operation ?? 'query', name);
    const result = await execute(args);
    end(result.errors);
    meter.recordFor(args.contextValue, name, performance.now() - started, isFault(result.errors));
    return result;
  });
}

/** Operations over WebSocket, by the graphql-transport-ws protocol. @returns ends all of them */
export function openSockets<Context extends { request: object }>(
  sockets: WebSocketServer,
  { settings, schema, meter, mayConnect, beforeOperation, operationContextOf }: HttpParts<Context>,
  formatError: ReturnType<typeof errorFormatter>,
  rules: ValidationRule[],
): () => Promise<void> | void {
  const formatted = (errors: readonly GraphQLError[]) => errors.map((error) => formatError(error.toJSON(), error));
  const { dispose } = useServer<Record<string, unknown>, { request: IncomingMessage; caller?: Caller }>(
    {
      schema,
      parse: (source) => parse(source, { maxTokens: settings.GRAPHQL_MAX_TOKENS }),
      execute: (args) => measured(args, meter),
      validate: (checked, document) => validate(checked, document, [...specifiedRules, ...rules]),
      onConnect: async ({ connectionParams, extra }) => {
        const authorization = connectionParams?.['authorization'];
        const caller: Caller = {
          authorization: typeof authorization === 'string' ? authorization : undefined,
          cookies: extra.request.headers.cookie,
          address: extra.request.socket.remoteAddress ?? '',
          setCookie: () => undefined,
        };
        if (!(await mayConnect(caller))) return false;
        extra.caller = caller;
        return true;
      },
      onSubscribe: async ({ extra: { caller } }) => {
        try {
          if (caller) await beforeOperation(caller);
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          return [new GraphQLError(error.message, { originalError: error })];
        }
      },
      context: ({ extra: { caller } }) => caller && operationContextOf(caller),
      onError: (_context, _id, _payload, errors) => formatted(errors),
      onNext: (_context, _id, _payload, _args, result) =>
        result.errors ? { ...result, errors: formatted(result.errors) as unknown as GraphQLError[] } : undefined,
    },
    sockets,
  );
  return dispose;
}
