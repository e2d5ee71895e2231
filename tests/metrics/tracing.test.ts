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
  // Over WebSocket as well.
  const byWebSocket = server.subscribe('query Roads { search(query: "Which roads?") { totalCount } }');
  await byWebSocket.next(() => true);
  byWebSocket.stop();
  const named = (operation: string) =>
    spans().find(({ attributes }) => attributes.some(({ key, value }) => key === 'graphql.operation.name' && value.stringValue === operation));
  const attributeOf = (span: Span | undefined, key: string) => span?.attributes.find((one) => one.key === key)?.value.stringValue;
  await expect.poll(() => [named('Anchorage'), named('Nothing'), named('Roads')].every(Boolean), { timeout: 20_000 }).toBe(true);
  // Names of spans are bounded: a client's name for an operation is an attribute. 2 is SERVER:
  // https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
  for (const [operation, type] of [
    ['Anchorage', 'query'],
    ['Nothing', 'mutation'],
    ['Roads', 'query'],
  ] as const)
    expect([named(operation)!.name, named(operation)!.kind, attributeOf(named(operation), 'graphql.operation.type')]).toEqual([type, 2, type]);
  expect(named('Nothing')!.status).toMatchObject({ code: 2, message: 'NOT_FOUND' });
  await expect.poll(() => spans().some(({ name }) => name === 'job INGEST'), { timeout: 20_000 }).toBe(true);
  expect(
    attributeOf(
      spans().find(({ name }) => name === 'job INGEST'),
      'job.kind',
    ),
  ).toBe('INGEST');
  for (const body of bodies) expect(body).not.toMatch(/gulls|nobody anchor/i);
});
