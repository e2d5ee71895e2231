import { type Options, type Result } from 'autocannon';
import { type Command, CommanderError } from 'commander';
import { once } from 'node:events';
import { type IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { type LoadedSettings } from '../config/index.js';
import { type Client, RequestFailed, runningClient } from './client.js';
import { type Terminal } from './terminal.js';

/** Milliseconds of a request's parts; null for one that it does not have. */
interface Phases {
  dnsMs: number | null;
  connectMs: number | null;
  tlsMs: number | null;
  /** From the request's last byte to the answer's first. */
  firstByteMs: number | null;
  downloadMs: number | null;
  totalMs: number | null;
}

interface Target {
  url: URL;
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  /** One of them for each request, in turn; none for a GET. */
  bodies: string[];
}

const searchOperation =
  'query LoadTest($query: String!) { search(query: $query) { totalCount hits { snippet highlights { start end } document { id title } } } }';
const mostClients = 1000;
const mostRequests = 1_000_000;
const partLabels: [keyof Phases, string][] = [
  ['dnsMs', 'name'],
  ['connectMs', 'connect'],
  ['tlsMs', 'TLS'],
  ['firstByteMs', 'first byte'],
  ['downloadMs', 'download'],
  ['totalMs', 'in all'],
];

const isOwnMachine = (host: string) => host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'));
const milliseconds = (value: number | null) => (value === null ? '–' : `${value.toFixed(1)} ms`);
/** @param share 0..1 */
const percentile = (sorted: number[], share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
const succeeded = (status: number) => status >= 200 && status < 300;

/** Adds the commands that measure the server from outside, as its clients meet it. */
export function addLoadTest(program: Command, { print, progress, exitUsage }: Terminal, settings: () => LoadedSettings): void {
  const count = (name: string, value: string, most: number) => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < 1 || number > most)
      throw new CommanderError(exitUsage, `erpfts.${name}`, `--${name} takes 1 to ${most}, not "${value}".`);
    return number;
  };

  program
    .command('response-time')
    .description('ask the running server on connections of their own, and tell where the time goes: name, connect, TLS, first byte, download')
    .argument('[query...]', 'searched for; without one, GET /health is asked')
    .option('--times <count>', 'requests, of which the medians are told', '5')
    .option('--url <address>', 'where the server is reached, as through a proxy; by default the address it listens at')
    .action(async (words: string[], { times, url }: { times: string; url?: string }) => {
      const wanted = count('times', times, mostRequests);
      const target = targetOf(await runningClient(settings()), words.length > 0 ? [words.join(' ')] : [], url, exitUsage);
      const taken: Phases[] = [];
      for (let i = 0; i < wanted; i++) {
        progress(`${i} of ${wanted} requests`, i / wanted);
        taken.push(await timed(target));
      }
      progress('');
      const phases = Object.fromEntries(partLabels.map(([name]) => [name, median(taken.flatMap((one) => one[name] ?? []))])) as unknown as Phases;
      print({ url: target.url.href, requests: wanted, ...phases }, () =>
        [`${target.url.href}, median of ${wanted}:`, ...partLabels.map(([name, label]) => `  ${label.padEnd(12)}${milliseconds(phases[name])}`)].join('\n'),
      );
    });

  program
    .command('load-test')
    .description('let many clients ask the running server at once; exit code 1 where a request fails or 5 % take longer than ALERT_RESPONSE_WARNING')
    .argument('[queries...]', 'searched for in turn; without one, GET /health is asked')
    .option('--clients <count>', 'how many ask at once', '10')
    .option('--requests <count>', 'how many are sent in all', '1000')
    .option('--url <address>', 'where the server is reached, as through a proxy; by default the address it listens at')
    .action(async (queries: string[], options: { clients: string; requests: string; url?: string }) => {
      const clients = count('clients', options.clients, mostClients);
      const requests = count('requests', options.requests, mostRequests);
      const loaded = settings();
      const target = targetOf(await runningClient(loaded), queries, options.url, exitUsage);
      const result = await load(target, clients, requests, progress);
      progress('');
      print(result, () => tell(result));
      const longestMs = loaded.settings.ALERT_RESPONSE_WARNING * 1000;
      if (result.failed > 0)
        throw new RequestFailed(
          `${result.failed} of ${requests} requests failed.`,
          null,
          result.statuses['429'] || result.codes['RATE_LIMITED']
            ? 'Some met a rate limit: raise it, or set RATE_LIMITING=off for the test.'
            : 'Look at erpfts logs --level error.',
        );
      if ((result.p95Ms ?? 0) > longestMs)
        throw new RequestFailed(
          `One request in twenty took longer than ALERT_RESPONSE_WARNING (${longestMs} ms).`,
          null,
          'Look at erpfts search --profile and erpfts metrics.',
        );
    });
}

/** What is asked, and where. @throws CommanderError for an address that the administrator's key must not go to */
function targetOf(client: Client, queries: string[], url: string | undefined, exitUsage: number): Target {
  const address = URL.parse(url ?? client.url);
  if (!address || !['http:', 'https:'].includes(address.protocol))
    throw new CommanderError(exitUsage, 'erpfts.url', `--url takes an address as https://kb.example.org, not "${url}".`);
  const base = address.href.replace(/\/$/, '');
  if (queries.length === 0) return { url: new URL(`${base}/health`), method: 'GET', headers: {}, bodies: [] };
  if (address.protocol === 'http:' && url !== undefined && !isOwnMachine(address.hostname))
    throw new CommanderError(
      exitUsage,
      'erpfts.url',
      `A search needs the administrator's key, which is not sent to ${address.host} unencrypted: give an https address.`,
    );
  return {
    url: new URL(`${base}/graphql`),
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: client.authorization },
    bodies: queries.map((query) => JSON.stringify({ query: searchOperation, variables: { query } })),
  };
}

/** One request on a connection of its own, as a first visit makes it. */
async function timed({ url, method, headers, bodies }: Target): Promise<Phases> {
  const [{ default: timer }, { request: send }] = await Promise.all([
    import('@szmarczak/http-timer'),
    url.protocol === 'https:' ? import('node:https') : import('node:http'),
  ]);
  const request = send(url, { method, headers, agent: false });
  const timings = timer(request);
  request.end(bodies[0]);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  for await (const part of response) void part;
  if (!succeeded(response.statusCode ?? 0)) throw new RequestFailed(`${url.href} answered ${response.statusCode}.`, null, null);
  const { dns, tcp, tls, firstByte, download, total } = timings.phases;
  return {
    dnsMs: dns ?? null,
    connectMs: tcp ?? null,
    tlsMs: tls ?? null,
    firstByteMs: firstByte ?? null,
    downloadMs: download ?? null,
    totalMs: total ?? null,
  };
}

interface LoadResult {
  url: string;
  clients: number;
  requests: number;
  failed: number;
  /** How many answers had each HTTP status. */
  statuses: Record<string, number>;
  /** How many had each code of GraphQL's errors, which may come with the status 200. */
  codes: Record<string, number>;
  perSecond: number;
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  slowestMs: number | null;
}

async function load({ url, method, headers, bodies }: Target, clients: number, requests: number, progress: Terminal['progress']): Promise<LoadResult> {
  const { default: autocannon } = await import('autocannon');
  const times: number[] = [];
  const statuses: Record<string, number> = {};
  const codes: Record<string, number> = {};
  const verifyBody = (body: unknown) => {
    const code = codeOf(String(body));
    if (code !== null) codes[code] = (codes[code] ?? 0) + 1;
    return code === null;
  };
  const started = performance.now();
  const options: Options = {
    url: url.href,
    connections: Math.min(clients, requests),
    amount: requests,
    method,
    headers,
    ...(bodies.length > 0 && { requests: bodies.map((body) => ({ body })), verifyBody }),
  };
  const { errors, mismatches } = await new Promise<Result>((resolve, reject) => {
    const run = autocannon(options, (error, result) => (error ? reject(error as Error) : resolve(result)));
    run.on('response', (_client, status, _bytes, ms) => {
      times.push(ms);
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (times.length % 50 === 0) progress(`${times.length} of ${requests} requests`, times.length / requests);
    });
  });
  const tookMs = performance.now() - started;
  const sorted = times.sort((a, b) => a - b);
  const refused = Object.entries(statuses).reduce((sum, [status, many]) => sum + (succeeded(Number(status)) ? 0 : many), 0);
  return {
    url: url.href,
    clients,
    requests,
    failed: Math.max(refused, mismatches) + errors,
    statuses,
    codes,
    perSecond: (times.length / tookMs) * 1000,
    p50Ms: percentile(sorted, 0.5),
    p95Ms: percentile(sorted, 0.95),
    p99Ms: percentile(sorted, 0.99),
    slowestMs: sorted.at(-1) ?? null,
  };
}

/** What GraphQL calls the error of an answer; null for one without. */
function codeOf(body: string): string | null {
  try {
    const { errors } = JSON.parse(body) as { errors?: { extensions?: { code?: string } }[] };
    return errors ? (errors[0]?.extensions?.code ?? 'UNKNOWN') : null;
  } catch {
    return 'NOT_JSON';
  }
}

const median = (values: number[]) =>
  percentile(
    values.sort((a, b) => a - b),
    0.5,
  );

function tell({ url, clients, requests, failed, perSecond, p50Ms, p95Ms, p99Ms, slowestMs }: LoadResult): string {
  const times = `p50 ${milliseconds(p50Ms)}, p95 ${milliseconds(p95Ms)}, p99 ${milliseconds(p99Ms)}, slowest ${milliseconds(slowestMs)}`;
  return `${url}: ${requests} requests by ${clients} clients, ${perSecond.toFixed(0)} a second, ${failed} failed\n${times}`;
}
