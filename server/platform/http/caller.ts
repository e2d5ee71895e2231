import { type Request, type Response } from 'express';
import { randomUUID } from 'node:crypto';
import { type IncomingMessage } from 'node:http';

/** Who sends an operation, by HTTP or WebSocket. */
export interface Caller {
  authorization: string | undefined;
  cookies: string | undefined;
  address: string;
  setCookie: (cookie: string) => void;
}

export function callerOf(request: Request, response: Response): Caller {
  return {
    authorization: request.headers.authorization,
    cookies: request.headers.cookie,
    address: request.ip ?? '',
    setCookie: (cookie) => response.append('Set-Cookie', secured(cookie, request)),
  };
}

/** Behind TLS the cookie must not travel without it. */
export function secured(cookie: string, request: Request): string {
  return request.secure ? `${cookie}; Secure` : cookie;
}

/** The name that the sender, or a proxy before us, gave the request; else a new one. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}
