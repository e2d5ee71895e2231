import { type Saying, say } from './saying.js';

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

/** An error in words for people: `message` and `remedy` are English, `told` is in each language there is. */
export class ToldError extends Error {
  readonly remedy: string | null;
  readonly told: { what: Saying; remedy: Saying | null };

  constructor(what: Saying, remedy: Saying | null = null) {
    super(say(what));
    this.remedy = remedy && say(remedy);
    this.told = { what, remedy };
  }
}

/** An error meant for the caller: plain words, a code from the contract and, where there is one, a remedy. */
export class AppError extends ToldError {
  constructor(
    readonly code: ErrorCode,
    what: Saying,
    remedy: Saying | null = null,
  ) {
    super(what, remedy);
    this.name = 'AppError';
  }
}

export const badInput = (what: Saying, remedy: Saying | null = null) => new AppError('BAD_USER_INPUT', what, remedy);
export const notFound = (what: string, id: string) =>
  new AppError(
    'NOT_FOUND',
    { en: `There is no ${what} with the id "${id}".`, ja: `ID「${id}」は見つかりません。` },
    { en: 'It may have been deleted: load the list again.', ja: '削除された可能性があります。一覧を読み込み直してください。' },
  );

/** Text of anything thrown, for logs. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What people read of anything thrown: what happened and what to do, in each language there is. */
export function sayingOf(error: unknown): Saying {
  if (!(error instanceof ToldError)) return messageOf(error);
  const { what, remedy } = error.told;
  if (remedy === null) return what;
  return { en: `${say(what)} ${say(remedy)}`, ja: `${say(what, 'ja')}${say(remedy, 'ja')}` };
}

/** What was thrown, as an Error. */
export function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
