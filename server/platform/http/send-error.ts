import { type Response } from 'express';
import { type ServerResponse } from 'node:http';
import { AppError } from '../errors.js';
import { type Logger } from '../logging/index.js';
import { say } from '../saying.js';

export const largestOperationBytes = 1024 ** 2;

/** Code and remedy, and the words for people in Japanese. */
export function extensionsOf({ code, remedy, told }: AppError): Record<string, unknown> {
  const ja = { message: say(told.what, 'ja'), ...(told.remedy === null ? {} : { remedy: say(told.remedy, 'ja') }) };
  return { code, ...(remedy ? { remedy } : {}), ja };
}

/** Sends an error as JSON with the contract's code. */
export function sendError(response: Response, status: number, error: AppError): void {
  response.status(status).json({ error: { message: error.message, ...extensionsOf(error) } });
}

export const statusOf: Partial<Record<AppError['code'], number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  RATE_LIMITED: 429,
  BAD_USER_INPUT: 400,
  UNAVAILABLE: 503,
  MAINTENANCE: 503,
};

/** GraphQL clients expect their own shape of errors, whatever went wrong before GraphQL began. */
function sendGraphqlError(response: ServerResponse, status: number, error: AppError): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(JSON.stringify({ errors: [{ message: error.message, extensions: extensionsOf(error) }] }));
}

/** @param message as graphql-upload words it where there are too many files */
function tooLarge(message: string | undefined): AppError {
  const [, files] = /^(\d+) max file uploads exceeded/.exec(message ?? '') ?? [];
  if (files !== undefined)
    return new AppError(
      'PAYLOAD_TOO_LARGE',
      { en: `There are more than ${files} files in one upload.`, ja: `1 回のアップロードのファイルが ${files} 個を超えています。` },
      { en: 'Send them in several, or raise UPLOAD_MAX_FILES.', ja: '何回かに分けて送るか、UPLOAD_MAX_FILES を増やしてください。' },
    );
  return new AppError(
    'PAYLOAD_TOO_LARGE',
    { en: 'The request is too large.', ja: 'リクエストが大きすぎます。' },
    {
      en: `Operations can have ${largestOperationBytes} bytes; send files as multipart uploads.`,
      ja: `操作は ${largestOperationBytes} バイトまでです。ファイルは multipart で送ってください。`,
    },
  );
}

/** Answers a request that failed before or beside GraphQL. */
export function sendFailure(response: ServerResponse, error: unknown, log: Logger): void {
  if (error instanceof AppError) return sendGraphqlError(response, statusOf[error.code] ?? 500, error);
  const { status, message, type } = error as { status?: number; message?: string; type?: string };
  if (status === 413 || type === 'entity.too.large') return sendGraphqlError(response, 413, tooLarge(message));
  if (status && status >= 400 && status < 500)
    return sendGraphqlError(response, status, new AppError('BAD_USER_INPUT', message ?? 'The request cannot be read.'));
  log.error({ err: error }, 'a request failed');
  sendGraphqlError(
    response,
    500,
    new AppError('INTERNAL_SERVER_ERROR', 'Something went wrong on the server.', 'Try again; if it happens again, look at the log.'),
  );
}
