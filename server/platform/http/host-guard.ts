import { isIP } from 'node:net';

export interface HostGuardOptions {
  /** Address the server listens on. */
  host: string;
  allowedHosts: readonly string[];
  /** Origins of other sites that may call. */
  corsOrigins: readonly string[];
}

const loopback = ['localhost', '127.0.0.1', '[::1]'];

/** Host name of a Host header, lower case, without port. */
function hostName(header: string): string {
  const bracketed = /^(\[[^\]]+\])(:\d+)?$/.exec(header);
  return (bracketed?.[1] ?? header.replace(/:\d+$/, '')).toLowerCase();
}

/**
 * Checks Host and Origin of requests and WebSocket upgrades. Host: a name that was pointed at this machine (DNS rebinding)
 * must not make a browser take a foreign page for ours. Origin: any web page can open a WebSocket to 127.0.0.1.
 */
export class HostGuard {
  readonly #hosts: Set<string>;
  readonly #origins: Set<string>;
  readonly #anyAddress: boolean;

  constructor({ host, allowedHosts, corsOrigins }: HostGuardOptions) {
    this.#origins = new Set(corsOrigins.map((origin) => origin.toLowerCase().replace(/\/$/, '')));
    const originHosts = corsOrigins.flatMap((origin) => (URL.canParse(origin) ? [new URL(origin).hostname] : []));
    this.#hosts = new Set([...loopback, host, ...allowedHosts, ...originHosts].map((name) => name.toLowerCase()));
    // Listening on every interface, the addresses are not known; an address cannot be rebound, only a name can.
    this.#anyAddress = host === '0.0.0.0' || host === '::';
  }

  get origins(): string[] {
    return [...this.#origins];
  }

  /** @returns why the request is refused, or null */
  refusal(hostHeader: string | undefined, originHeader: string | undefined): string | null {
    const host = hostName(hostHeader ?? '');
    const known = this.#hosts.has(host) || (this.#anyAddress && isIP(host.replace(/^\[|\]$/g, '')) !== 0);
    if (!known) return `This server does not answer to the host name "${host}". Add it to ALLOWED_HOSTS.`;
    if (originHeader === undefined) return null;
    const origin = originHeader.toLowerCase();
    if (this.#origins.has(origin)) return null;
    if (URL.canParse(origin) && new URL(origin).host === (hostHeader ?? '').toLowerCase()) return null;
    return `Pages of ${originHeader} may not call this server. Add the origin to CORS_ORIGINS.`;
  }
}
