import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

interface Span {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  links?: { spanId: string }[];
  events?: { name: string }[];
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

test('operations and jobs become spans, without the text of questions and documents', async () => {
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

test("a request goes on with its sender's trace, its steps are within it, and the job it asks for is linked to it", async () => {
  const [traceId, sender] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
  const sent = async (query: string) => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: server.authorization, traceparent: `00-${traceId}-${sender}-01` },
      body: JSON.stringify({ query }),
    });
    expect(response.status).toBe(200);
  };
  await sent('query Tides { search(query: "When is the water low?") { totalCount } }');
  await sent('mutation Tidy { runMaintenance(task: CLEAR_CACHE) { id } }');
  const ofTrace = () => spans().filter((span) => span.traceId === traceId);
  const operation = (type: string) => ofTrace().find(({ name }) => name === type);
  await expect.poll(() => [operation('query'), operation('mutation')].every(Boolean), { timeout: 20_000 }).toBe(true);
  expect(operation('query')!.parentSpanId).toBe(sender);
  const steps = ofTrace().filter(({ parentSpanId }) => parentSpanId === operation('query')!.spanId);
  expect(steps.map(({ name }) => name)).toEqual(expect.arrayContaining(['search embed', 'search vectors', 'search words', 'search fuse', 'search rows']));
  const job = () => spans().find(({ name, links }) => name === 'job MAINTENANCE' && links?.some(({ spanId }) => spanId === operation('mutation')!.spanId));
  await expect.poll(job, { timeout: 20_000 }).toBeDefined();
  // Work of its own: it may go on long after the request was answered.
  expect(job()!.parentSpanId ?? '').toBe('');
  await expect
    .poll(() => spans().some(({ name, events }) => name === 'job INGEST' && events?.some((event) => event.name === 'EMBEDDING')), { timeout: 20_000 })
    .toBe(true);
});
