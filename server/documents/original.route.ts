import { type Express } from 'express';
import { pipeline } from 'node:stream/promises';
import { type BlobStore } from '../platform/blobs/index.js';
import { AppError } from '../platform/errors.js';
import { type Authorize, route } from '../platform/http/index.js';
import { type DocumentsService } from './documents.service.js';

interface OriginalRouteParts {
  documents: DocumentsService;
  blobs: BlobStore;
  authorize: Authorize;
}

/**
 * `GET /originals/:documentId`: the file as it came. Always a download and never sniffed: a page somebody uploaded must
 * not run as one of ours.
 */
export function originalRoute(app: Express, { documents, blobs, authorize }: OriginalRouteParts): void {
  app.get(
    '/originals/:documentId',
    route(async (request, response) => {
      await authorize(request, 'GET /originals/:documentId');
      const document = await documents.require(String(request.params['documentId']));
      if (!document.sha256 || !blobs.exists(document.sha256)) throw new AppError('NOT_FOUND', 'The original of this document is not kept.', 'Upload it again.');
      const name = document.fileName ?? `${document.title.replace(/[/\\:*?"<>|]/g, '_').slice(0, 100)}.html`;
      response.attachment(name);
      response.setHeader('Content-Type', document.mimeType);
      response.setHeader('Content-Length', await blobs.size(document.sha256));
      response.setHeader('X-Content-Type-Options', 'nosniff');
      response.setHeader('Content-Security-Policy', "sandbox; default-src 'none'");
      response.setHeader('Cache-Control', 'private, no-cache');
      // A reader who goes away ends the pipeline; there is nobody left to tell.
      await pipeline(blobs.read(document.sha256), response).catch(() => undefined);
    }),
  );
}
