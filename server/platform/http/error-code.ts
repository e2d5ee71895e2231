import { type GraphQLError } from 'graphql';
import { AppError } from '../errors.js';

/** Code of an error before it is formatted for its reader: ours, that of GraphQL itself, or a fault. */
export function errorCode({ originalError, extensions }: GraphQLError): string {
  if (originalError instanceof AppError) return originalError.code;
  const { code } = extensions;
  if (typeof code === 'string') return code;
  // What GraphQL itself finds wrong with a request was thrown by nobody.
  const { status } = (originalError ?? { status: 400 }) as { status?: unknown };
  return typeof status === 'number' && status >= 400 && status < 500 ? 'BAD_USER_INPUT' : 'INTERNAL_SERVER_ERROR';
}
