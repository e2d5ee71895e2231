import { type Request, type Response } from 'express';

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
