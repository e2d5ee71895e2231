import { pino, type Logger } from 'pino';

export type { Logger };

/**
 * JSON lines on standard error. Objects logged here never hold document text, queries, keys or tokens;
 * the redaction below is the second line of defence.
 */
export function createLogger(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: ['*.authorization', '*.cookie', '*.token', '*.key', '*.password', 'authorization', 'cookie', 'token', 'key', 'password'],
        censor: '[hidden]',
      },
    },
    pino.destination({ fd: 2, sync: false }),
  );
}
