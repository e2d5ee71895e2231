import { type Express } from 'express';
import { pipeline } from 'node:stream/promises';
import { notFound } from '../platform/errors.js';
import { type Authorize, route } from '../platform/http/index.js';
import { type DifferenceLists } from './difference-lists.js';

/** `GET /differences/:job`: every difference that a verification or repair found, as JSON lines, where its result lists only the first. */
export function differencesRoute(app: Express, { lists, authorize }: { lists: DifferenceLists; authorize: Authorize }): void {
  app.get(
    '/differences/:job',
    route(async (request, response) => {
      await authorize(request, 'GET /differences/:job');
      const job = String(request.params['job']);
      const content = await lists.read(job);
      if (!content) throw notFound('list of differences', job);
      response.type('application/x-ndjson').attachment(`differences-${job}.jsonl`);
      await pipeline(content, response).catch(() => undefined);
    }),
  );
}
