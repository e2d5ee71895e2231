import { lookup } from 'node:dns/promises';
import ipaddr from 'ipaddr.js';
import { ReadingRefused } from './refusal.js';

const mostUrlLength = 2000;

/**
 * The one gate that outside addresses pass. It closes these ways to reach what only this machine may reach:
 * other protocols than http and https (file:, gopher:); user names in the address (https://trusted@evil); names and
 * numbers that mean loopback, private, link-local (cloud metadata), carrier-grade or otherwise reserved ranges, in IPv4,
 * IPv6 and IPv4 mapped into IPv6; and names that answer differently at the second look (DNS rebinding): the address that
 * was checked is the one that is connected to.
 */
export class AddressGuard {
  readonly #allowed: [ipaddr.IPv4 | ipaddr.IPv6, number][];

  /** @param allowedNetworks in CIDR notation */
  constructor(allowedNetworks: readonly string[]) {
    this.#allowed = allowedNetworks.map((network) => ipaddr.parseCIDR(network));
  }

  /** Checks the form of an address and brings it to its canonical form: no fragment, no default port, lower-case host. */
  canonical(address: string): URL {
    if (address.length > mostUrlLength)
      throw new ReadingRefused('FETCH_REFUSED', `The address is longer than ${mostUrlLength} characters.`, 'Use a shorter one.');
    let url: URL;
    try {
      url = new URL(address.trim());
    } catch {
      throw new ReadingRefused('FETCH_REFUSED', `"${address.slice(0, 100)}" is not a web address.`, 'Write it in full, such as https://example.org/page.');
    }
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      throw new ReadingRefused('FETCH_REFUSED', `Addresses starting with ${url.protocol}// are not fetched.`, 'Use http:// or https://.');
    if (url.username || url.password) throw new ReadingRefused('FETCH_REFUSED', 'The address contains a user name or password.', 'Leave it out.');
    url.hash = '';
    return url;
  }

  /** Resolves a host once and returns the address to connect to. */
  async resolve(hostname: string): Promise<{ address: string; family: 4 | 6 }> {
    const host = hostname.replace(/^\[|\]$/g, '');
    let found: { address: string; family: number }[];
    try {
      found = ipaddr.isValid(host)
        ? [{ address: host, family: ipaddr.parse(host).kind() === 'ipv6' ? 6 : 4 }]
        : await lookup(host, { all: true, verbatim: true });
    } catch {
      throw new ReadingRefused('FETCH_FAILED', `The host ${host} is not known.`, 'Check the address.');
    }
    // All of them must be admissible: a name with one public and one private address is an attack or a mistake.
    for (const { address } of found)
      if (!this.admits(address))
        throw new ReadingRefused(
          'FETCH_REFUSED',
          `${host} is an address of this machine or of a private network.`,
          'Upload the page as a file, or list the network in FETCH_ALLOWED_NETWORKS.',
        );
    const first = found[0];
    if (!first) throw new ReadingRefused('FETCH_FAILED', `The host ${host} has no address.`, 'Check the address.');
    return { address: first.address, family: first.family === 6 ? 6 : 4 };
  }

  admits(address: string): boolean {
    const parsed = ipaddr.process(address);
    if (parsed.range() === 'unicast') return true;
    return this.#allowed.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits));
  }
}
