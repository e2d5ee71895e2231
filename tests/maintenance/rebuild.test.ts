import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

let server: TestServer;
const subjects = ['anchor', 'beacon', 'capstan', 'davit', 'ensign', 'fender', 'gangway', 'hawser', 'isinglass', 'jetty'];
beforeAll(async () => {
  // ChromaDB answers itself: what memory holds would hide a gap.
  server = await TestServer.start({ RESIDENT_VECTORS: '0', CACHE_SEARCH_TTL: '0', CACHE_EMBEDDING_TTL: '0' });
  await server.upload(subjects.map((subject) => ({ name: `${subject}.txt`, content: `The ${subject} is looked after by the crew of the ${subject} watch.` })));
  await server.idle();
});
afterAll(() => server.stop());

const nearest = async (subject: string) => {
  const { search } = await server.ask<{ search: { notices: string[]; hits: { document: { title: string } }[] } }>(
    `query($q: String!) { search(query: $q, mode: SEMANTIC, first: 10) { notices hits { document { title } } } }`,
    { q: `Who looks after the ${subject}?` },
  );
  return { notices: search.notices, found: search.hits.length };
};
const run = async (task: string, options = '{}') =>
  (await server.ask<{ runMaintenance: { id: string } }>(`mutation { runMaintenance(task: ${task}, options: ${options}) { id } }`)).runMaintenance.id;

test.each([
  ['REBUILD_INDEX', '{ source: "STORED" }', { vectors: 11 }],
  ['REBUILD_INDEX', '{ source: "REEMBED" }', { vectors: 12 }],
  ['OPTIMIZE_INDEX', '{}', { vectors: 13 }],
  ['RELOAD_MODEL', '{}', {}],
  ['REBUILD_FULLTEXT', '{}', { passages: 15 }],
])('no search fails or comes back short while %s with %s runs, and what comes meanwhile is in', async (task, options, result) => {
  const id = await run(task, options);
  let done = false;
  const searching = (async () => {
    const answers = [];
    for (let i = 0; !done || i < 5; i += 1) answers.push(await nearest(subjects[i % subjects.length]!));
    return answers;
  })();
  const { id: documentId } = await server.take(
    `${task}-${Object.keys(result).length}-${options.length}.txt`,
    `A buoy was moored during ${task} with ${options}.`,
  );
  const job = await server.jobDone(id);
  done = true;
  const answers = await searching;
  expect(answers.filter(({ notices, found }) => notices.length > 0 || found < 10)).toEqual([]);
  expect(job).toMatchObject({ status: 'SUCCEEDED' });
  await server.idle();
  const { search } = await server.ask<{ search: { hits: { document: { id: string } }[] } }>(
    'query($q: String!) { search(query: $q, mode: SEMANTIC) { hits { document { id } } } }',
    {
      q: `A buoy was moored during ${task} with ${options}.`,
    },
  );
  expect(search.hits[0]?.document.id).toBe(documentId);
});

test('a long document that is being read while the index is exchanged ends in the new one', async () => {
  const long = Array.from(
    { length: 160 },
    (_, i) =>
      `## Pier ${i}\n\nPier ${i} was built in ${1700 + i} and is ${i * 3 + 40} metres long. ${'It is inspected every spring by the harbour office. '.repeat(6)}`,
  ).join('\n\n');
  const [upload] = await server.upload([{ name: 'piers.md', content: long }]);
  const id = upload!.document!.id;
  await expect
    .poll(async () => (await server.ask<{ document: { status: string } }>('query($id: ID!) { document(id: $id) { status } }', { id })).document.status, {
      timeout: 30_000,
      interval: 20,
    })
    .toBe('EMBEDDING');
  expect(await server.jobDone(await run('REBUILD_INDEX'))).toMatchObject({ status: 'SUCCEEDED' });
  const { status, chunkCount } = await server.settled(id);
  expect([status, chunkCount > 20]).toEqual(['READY', true]);
  await server.idle();
  expect((await server.jobDone(await run('VERIFY_DATA'))).result).toMatchObject({ found: 0 });
  await server.ask('mutation($id: ID!) { deleteDocuments(ids: [$id]) { id } }', { id });
  await server.idle();
});

test('only the collection that answers is left, and every store holds the same', async () => {
  const { indexGenerations } = await server.ask<{ indexGenerations: { status: string }[] }>('{ indexGenerations { status } }');
  expect(indexGenerations.map(({ status }) => status)).toEqual(['ACTIVE', 'REMOVED', 'REMOVED', 'REMOVED']);
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: VERIFY_DATA) { id } }');
  expect((await server.jobDone(runMaintenance.id)).result).toMatchObject({ found: 0 });
});

test('an emptied vector store is filled again from the database', async () => {
  expect(await server.jobDone(await run('RESET_VECTOR_STORE'))).toMatchObject({ status: 'SUCCEEDED', result: { vectors: 15 } });
  expect(await nearest('anchor')).toEqual({ notices: [], found: 10 });
});

test('a dry run of the repair changes nothing', async () => {
  expect((await server.jobDone(await run('REPAIR_DATA', '{ dryRun: true }'))).result).toMatchObject({ dryRun: true, found: 0, mended: 0 });
  expect((await server.send('mutation { runMaintenance(task: REPAIR_DATA, options: { dry: true }) { id } }')).errors[0]?.extensions.code).toBe(
    'BAD_USER_INPUT',
  );
});

test('a vector store whose folder is beyond help is emptied, set aside and filled again', async () => {
  await server.quit();
  await writeFile(join(server.dataDir, 'chroma', 'chroma.sqlite3'), 'This is no database.');
  await server.boot();
  const health = async () =>
    (await server.ask<{ health: { components: { name: string; status: string }[] } }>('{ health { components { name status } } }')).health.components.find(
      ({ name }) => name === 'vector_db',
    )?.status;
  expect(await health()).toBe('UNHEALTHY');
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: RESET_VECTOR_STORE) { id } }');
  expect(await server.jobDone(runMaintenance.id)).toMatchObject({ status: 'SUCCEEDED', error: null });
  await expect.poll(health, { timeout: 60_000 }).toBe('HEALTHY');
  expect((await readdir(server.dataDir)).filter((name) => name.startsWith('chroma-'))).toHaveLength(1);
});
