import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

interface Span {
  name: string;
  kind: number;
  status: { code?: number; message?: string };
  attributes: { key: string; value: { stringValue?: string } }[];
}

const bodies: string[] = [];
let collector: Server;
let server: TestServer;
beforeAll(async () => {
  collector = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      bodies.push(body);
      response.setHeader('content-type', 'application/json');
      response.end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  server = await TestServer.start({ OTLP_TRACES_URL: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces` });
});
afterAll(async () => {
  await server?.stop();
  collector?.close();
});

const spans = () =>
  bodies.flatMap((body) =>
    (JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }).resourceSpans.flatMap((resource) =>
      resource.scopeSpans.flatMap((scope) => scope.spans),
    ),
  );

test('operations and jobs become spans, without the text of questions and documents', { timeout: 60_000 }, async () => {
  await server.take('cove.txt', 'Nobody anchors in the cove of gulls.');
  await server.ask('query Anchorage { search(query: "Where does nobody anchor?") { totalCount } }');
  await server.send('mutation Nothing { retryJob(id: "none") { id } }');
  await expect
    .poll(() => spans().map(({ name }) => name), { timeout: 20_000 })
    .toEqual(expect.arrayContaining(['query Anchorage', 'mutation Nothing', 'job INGEST']));
  const of = (name: string) => spans().find((span) => span.name === name)!;
  const attribute = (name: string, key: string) => of(name).attributes.find((one) => one.key === key)?.value.stringValue;
  // 2 is SERVER. https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
  expect([of('query Anchorage').kind, attribute('query Anchorage', 'graphql.operation.type'), attribute('query Anchorage', 'graphql.operation.name')]).toEqual([
    2,
    'query',
    'Anchorage',
  ]);
  expect(of('mutation Nothing').status).toMatchObject({ code: 2, message: 'NOT_FOUND' });
  expect(attribute('job INGEST', 'job.kind')).toBe('INGEST');
  for (const body of bodies) expect(body).not.toMatch(/gulls|nobody anchor/i);
});
