import compression from 'compression';
import express, { Router } from 'express';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../config/index.js';

const folder = join(packageRoot, 'console/build');

/** Only the scripts of our own page run: its inline ones by their hashes. https://www.w3.org/TR/CSP3/ */
function contentSecurityPolicy(page: string): string {
  const hashes = [...page.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, script]) =>
      `'sha256-${createHash('sha256')
        .update(script ?? '')
        .digest('base64')}'`,
  );
  return [
    "default-src 'self'",
    `script-src 'self' ${hashes.join(' ')}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self' ws: wss:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** The built console. Its pages are one file; every path without an ending that a browser asks for is one of them. */
export function consoleFiles(): Router {
  const router = Router();
  const indexFile = join(folder, 'index.html');
  if (!existsSync(indexFile)) return router;
  const page = readFileSync(indexFile, 'utf8');
  const policy = contentSecurityPolicy(page);
  router.use(compression());
  router.use('/_app/immutable', express.static(join(folder, '_app/immutable'), { immutable: true, maxAge: '1y', index: false }));
  router.use(express.static(folder, { index: false, maxAge: 0 }));
  router.get('/{*path}', (request, response, next) => {
    if (/\.[^/]+$/.test(request.path) || !request.accepts('html')) return next();
    response.setHeader('Content-Security-Policy', policy);
    response.setHeader('Cache-Control', 'no-cache');
    response.type('html').send(page);
  });
  return router;
}
