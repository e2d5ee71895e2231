import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';
import { holdings } from '../support/stores.js';

let server: TestServer;
let site: Server;
let origin: string;
let article = 'The bridge was closed in March because two of its cables had rusted.';

const paragraph = (text: string) => `<p>${text} ${'The engineers measured the tension of each strand and wrote it down for the record. '.repeat(6)}</p>`;
const page = () => `<!doctype html><html lang="en"><head><title>Bridge report</title><meta name="author" content="A. Writer">
  <meta property="article:published_time" content="2025-03-04T05:06:07Z"></head>
  <body><nav><a href="/">Home</a><a href="/shop">Shop</a></nav><article><h1>Bridge report</h1>${paragraph(article)}${paragraph('Traffic went by the old road.')}</article><footer>Advertising</footer></body></html>`;

const routes: Record<string, (response: ServerResponse) => void> = {
  '/article': (response) => response.setHeader('content-type', 'text/html; charset=utf-8').end(page()),
  '/circle': (response) => response.writeHead(302, { location: '/circle' }).end(),
  '/inside': (response) => response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end(),
  '/image': (response) => response.setHeader('content-type', 'image/png').end('x'),
  '/missing': (response) => response.writeHead(404).end(),
  '/endless': (response) => {
    response.setHeader('content-type', 'text/html');
    const timer = setInterval(() => response.write('<p>more</p>'.repeat(1000)), 5);
    response.on('close', () => clearInterval(timer));
  },
  '/slow': (response) => {
    response.setHeader('content-type', 'text/html');
    response.write('<html>');
  },
};

beforeAll(async () => {
  site = createServer((request, response) => (routes[request.url ?? ''] ?? routes['/missing']!)(response));
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  server = await TestServer.start({ FETCH_ALLOWED_NETWORKS: '127.0.0.0/8', FETCH_MAX_BYTES: String(1024 * 1024), FETCH_TIMEOUT_MS: '1500' });
});
afterAll(async () => {
  site.closeAllConnections();
  site.close();
  await server.stop();
});

interface Page {
  id: string;
  status: string;
  title: string;
  text: string;
  author: string | null;
  publishedAt: string | null;
  extraction: string | null;
  error: { code: string; remedy: string | null } | null;
}

async function add(url: string): Promise<Page> {
  const { addUrl } = await server.ask<{ addUrl: { id: string } }>('mutation($url: String!) { addUrl(url: $url) { id } }', { url });
  await server.jobDone(addUrl.id);
  const { documents } = await server.ask<{ documents: { edges: { node: Page & { url: string } }[] } }>(
    '{ documents(first: 100, filter: { sourceTypes: [WEB] }) { edges { node { id url status title text author publishedAt extraction error { code remedy } } } } }',
  );
  const found = documents.edges.find(({ node }) => node.url === url);
  if (!found) throw new Error(`${url} is no document`);
  return found.node;
}

test('an article is taken in: main text, title, author and date; fetched again it replaces its text', async () => {
  const first = await add(`${origin}/article`);
  expect(first).toMatchObject({
    status: 'READY',
    title: 'Bridge report',
    author: 'A. Writer',
    publishedAt: '2025-03-04T05:06:07.000Z',
    extraction: 'readability',
  });
  expect(first.text).toContain('two of its cables');
  expect(first.text).not.toContain('Advertising');
  article = 'The bridge is open again since all of its cables are new.';
  const second = await add(`${origin}/article`);
  expect(second.id).toBe(first.id);
  expect(second.text).toContain('open again');
  expect(second.text).not.toContain('two of its cables');
  await server.idle();
  const { originals, chunks, chunk_fulltext, vectors } = await holdings(server);
  expect({ originals, chunk_fulltext, vectors }).toEqual({ originals: 1, chunk_fulltext: chunks, vectors: chunks });
});

test.each([
  ['/circle', 'FETCH_FAILED'],
  ['/inside', 'FETCH_REFUSED'],
  ['/image', 'UNSUPPORTED_FORMAT'],
  ['/missing', 'FETCH_FAILED'],
  ['/endless', 'PAYLOAD_TOO_LARGE'],
  ['/slow', 'TIMEOUT'],
])('%s ends as %s with a remedy, and the server goes on', async (path, code) => {
  const { status, error } = await add(`${origin}${path}`);
  expect({ status, code: error?.code }).toEqual({ status: 'FAILED', code });
  expect(error?.remedy).toBeTruthy();
});

test('an unreachable host fails with a reason', async () => {
  expect((await add('http://127.0.0.1:9/nothing')).error?.code).toBe('FETCH_FAILED');
});

test.each(['ftp://example.org/a', 'not an address', 'http://user:pass@example.org/'])('%s is no web address', async (url) => {
  const { errors } = await server.send('mutation($url: String!) { addUrl(url: $url) { id } }', { url });
  expect(errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
});
