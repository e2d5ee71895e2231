import { type Express } from 'express';
import { randomUUID } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { type Authorize, route } from '../platform/http/index.js';
import { archiveOf, type Exclusively, unpack } from './archive.js';
import { type BackupFolder, received } from './backup-folder.js';
import { type KeySettings } from './keys.js';

interface RouteParts {
  folder: BackupFolder;
  settings: KeySettings;
  exclusively: Exclusively;
  authorize: Authorize;
}

/**
 * `GET /backups/:id/archive`: a backup as one file. `POST /backups/archives`: takes such a file, the request's body, among the backups
 * and answers `{ "id": …, "isNew": … }`; whoever sends it says so in a header that no page of others can send.
 */
export function backupRoutes(app: Express, { folder, settings, exclusively, authorize }: RouteParts): void {
  app.get(
    '/backups/:id/archive',
    route(async (request, response) => {
      await authorize(request, 'GET /backups/:id/archive');
      const id = String(request.params['id']);
      const archive = await archiveOf(folder, id, settings);
      response.attachment(`${id}.tar`);
      response.setHeader('Cache-Control', 'private, no-store');
      // A reader who goes away ends the pipeline; there is nobody left to tell.
      await pipeline(archive, response).catch(() => undefined);
    }),
  );
  app.post(
    '/backups/archives',
    route(async (request, response) => {
      await authorize(request, 'POST /backups/archives');
      if (request.headers['content-type'] !== 'application/x-tar') {
        response.status(415).json({ error: { code: 'UNSUPPORTED_FORMAT', message: 'Send the archive as application/x-tar.' } });
        return;
      }
      response.json(await unpack(request, folder, `${received}${randomUUID()}`, exclusively));
    }),
  );
}
