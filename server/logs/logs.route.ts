import { type Express } from 'express';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Authorize, route } from '../platform/http/index.js';
import { type LogFiles } from './log-files.js';

/** `GET /logs/download`: all that is kept, oldest first, as JSON lines. */
export function logsRoute(app: Express, { files, authorize }: { files: LogFiles; authorize: Authorize }): void {
  app.get(
    '/logs/download',
    route(async (request, response) => {
      await authorize(request, 'GET /logs/download');
      response.type('application/x-ndjson').attachment('erpfts.log');
      // A reader who goes away ends the reading, not the server.
      await pipeline(Readable.from(files.contents()), response).catch(() => undefined);
    }),
  );
}
