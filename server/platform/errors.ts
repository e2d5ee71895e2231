/** Codes of `extensions.code`, the contract's closed list. */
export type ErrorCode =
  | 'BAD_USER_INPUT'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'RATE_LIMITED'
  | 'MAINTENANCE'
  | 'UNAVAILABLE'
  | 'PAYLOAD_TOO_LARGE'
  | 'UNSUPPORTED_FORMAT'
  | 'INTERNAL_SERVER_ERROR';

/** An error meant for the caller: plain words, a code from the contract and, where there is one, a remedy. */
export class AppError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly remedy: string | null = null,
  ) {
    super(message);
    this.name = 'AppError';
  }
}

export const badInput = (message: string, remedy: string | null = null) => new AppError('BAD_USER_INPUT', message, remedy);
export const notFound = (what: string, id: string) =>
  new AppError('NOT_FOUND', `There is no ${what} with the id "${id}".`, 'It may have been deleted: load the list again.');

/** Text of anything thrown, for logs and job records. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What was thrown, as an Error. */
export function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
