import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pdf } from '../support/files.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
let site: Server;
const ids: Record<string, string> = {};
beforeAll(async () => {
  const body = 'The harbour crane lifts containers from the ship. '.repeat(12);
  site = createServer((_request, response) =>
    response
      .setHeader('content-type', 'text/html; charset=utf-8')
      .end(
        `<!doctype html><html lang="en"><head><title>Crane news</title><meta property="article:published_time" content="2021-05-06T00:00:00Z"></head><body><article><h1>Crane news</h1><p>${body}</p></article></body></html>`,
      ),
  );
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  server = await TestServer.start({ FETCH_ALLOWED_NETWORKS: '127.0.0.0/8' });
  ids['plain'] = (await server.take('crane.txt', 'The crane driver climbs to the cabin before the ship arrives.', { tags: ['harbour', 'shift'] })).id;
  ids['pdf'] = (await server.take('handbook.pdf', await pdf(['The crane is greased every month by the harbour crew.']), { tags: ['harbour'] })).id;
  ids['japanese'] = (await server.take('crane-ja.txt', '港のクレーン(crane)は毎月点検する。運転手は入港の前に操縦室へ上がる。')).id;
  ids['bread'] = (await server.take('bread.txt', 'The bakery kneads its dough at four in the morning.')).id;
  const { addUrl } = await server.ask<{ addUrl: { id: string } }>('mutation($url: String!) { addUrl(url: $url) { id } }', {
    url: `http://127.0.0.1:${(site.address() as AddressInfo).port}/`,
  });
  await server.jobDone(addUrl.id);
  const { documents } = await server.ask<{ documents: { edges: { node: { id: string } }[] } }>(
    '{ documents(filter: { sourceTypes: [WEB] }) { edges { node { id } } } }',
  );
  ids['web'] = documents.edges[0]!.node.id;
});
afterAll(async () => {
  site.close();
  await server.stop();
});

async function found(filter: Record<string, unknown>, mode: string): Promise<string[]> {
  const { search } = await server.ask<{ search: { hits: { document: { id: string } }[] } }>(
    'query($filter: SearchFilter, $mode: SearchMode) { search(query: "crane", filter: $filter, mode: $mode, first: 50) { hits { document { id } } } }',
    { filter, mode },
  );
  return search.hits.map(({ document }) => document.id).sort();
}
const named = (...names: string[]) => names.map((name) => ids[name]!).sort();

describe.each(['HYBRID', 'SEMANTIC', 'KEYWORD'])('%s', (mode) => {
  test.each([
    [{ sourceTypes: ['WEB'] }, ['web']],
    [{ languages: ['ja'] }, ['japanese']],
    [{ mimeTypes: ['application/pdf'] }, ['pdf']],
    [{ mimeTypes: ['application/pdf', 'text/html'] }, ['pdf', 'web']],
    [{ tags: ['harbour'], mimeTypes: ['text/plain'] }, ['plain']],
    [{ to: '2022-01-01T00:00:00Z' }, ['web']],
    [{ from: '2021-05-06T00:00:00Z', to: '2021-05-06T00:00:00Z' }, ['web']],
    [{ from: '2098-01-01T00:00:00Z' }, []],
  ])('%j leaves %j', async (filter, names) => {
    expect(await found(filter, mode)).toEqual(named(...names));
  });

  test('each date bound keeps its side', async () => {
    const hits = await found({ from: '2022-01-01T00:00:00Z' }, mode);
    expect(hits).toEqual(expect.arrayContaining(named('plain', 'pdf', 'japanese')));
    expect(hits).not.toContain(ids['web']);
  });

  test('only the documents named', async () => {
    expect(await found({ documentIds: [ids['pdf'], ids['japanese']] }, mode)).toEqual(named('pdf', 'japanese'));
  });
});

test('similar documents come nearest first, without the document itself', async () => {
  const { similarDocuments } = await server.ask<{ similarDocuments: { id: string }[] }>('query($id: ID!) { similarDocuments(id: $id, first: 10) { id } }', {
    id: ids['pdf'],
  });
  const similar = similarDocuments.map(({ id }) => id);
  expect([...similar].sort()).toEqual(named('plain', 'japanese', 'bread', 'web'));
  expect(similar.at(-1)).toBe(ids['bread']);
  const { errors } = await server.send('{ similarDocuments(id: "nothing") { id } }');
  expect(errors[0]?.extensions.code).toBe('NOT_FOUND');
});
