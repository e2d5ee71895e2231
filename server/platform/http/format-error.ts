import { unwrapResolverError } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { AppError, type ErrorCode } from '../errors.js';
import { type Logger } from '../logging/index.js';
import { extensionsOf } from './send-error.js';

/** Apollo's own codes, in the contract's terms. */
const apolloCodes: Record<string, ErrorCode> = {
  GRAPHQL_PARSE_FAILED: 'BAD_USER_INPUT',
  GRAPHQL_VALIDATION_FAILED: 'BAD_USER_INPUT',
  BAD_USER_INPUT: 'BAD_USER_INPUT',
  BAD_REQUEST: 'BAD_USER_INPUT',
  OPERATION_RESOLUTION_FAILURE: 'BAD_USER_INPUT',
  PERSISTED_QUERY_NOT_FOUND: 'BAD_USER_INPUT',
};

/**
 * Errors as clients see them: a code of the contract, the message and remedy where they were meant for the caller, and
 * nothing of the inside otherwise.
 */
export function errorFormatter(log: Logger, debug: boolean): (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError {
  return (formatted, error) => {
    // What was thrown before an operation began has no path, and is not unwrapped.
    const thrown = error instanceof GraphQLError ? error.originalError : undefined;
    const original = thrown instanceof AppError ? thrown : unwrapResolverError(error);
    const { locations, path } = formatted;
    const place = { ...(locations ? { locations } : {}), ...(path ? { path } : {}) };
    if (original instanceof AppError) {
      return {
        message: original.message,
        ...place,
        extensions: { ...extensionsOf(original), ...(debug ? { stack: original.stack } : {}) },
      };
    }
    const apolloCode = formatted.extensions?.['code'];
    const isRequestError = error instanceof GraphQLError && (error.originalError === undefined || error.originalError instanceof GraphQLError);
    const code = typeof apolloCode === 'string' ? apolloCodes[apolloCode] : undefined;
    if (code || (isRequestError && apolloCode === undefined)) return { message: formatted.message, ...place, extensions: { code: code ?? 'BAD_USER_INPUT' } };
    const status = (original as { status?: unknown } | null)?.status;
    if (typeof status === 'number' && status >= 400 && status < 500) return { message: formatted.message, ...place, extensions: { code: 'BAD_USER_INPUT' } };
    log.error({ err: original, path }, 'a GraphQL operation failed');
    return {
      message: debug && original instanceof Error ? original.message : 'Something went wrong on the server.',
      ...place,
      extensions: {
        code: 'INTERNAL_SERVER_ERROR',
        remedy: 'Try again; if it happens again, look at the log.',
        ...(debug && original instanceof Error ? { stack: original.stack } : {}),
      },
    };
  };
}
