import { afterAll, beforeAll, expect, test } from 'vitest';
import { docx, pdf } from '../support/files.js';
import { TestServer } from '../support/server.js';
import { holdings } from '../support/stores.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ UPLOAD_MAX_BYTES: String(3 * 1024 * 1024), ARCHIVE_MAX_BYTES: String(8 * 1024 * 1024) });
});
afterAll(() => server.stop());

const sentence = 'The quarterly report of the pump station lists every valve that was replaced.';

test('refused while receiving: an error, and nothing is kept', async () => {
  await server.take('kept.txt', sentence);
  const before = await holdings(server);
  const results = await server.upload([
    { name: 'empty.docx', content: '' },
    { name: 'setup.pdf', content: Uint8Array.from([0x4d, 0x5a, 0x90, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0xff, 0xff, 0, 0]) },
    {
      name: 'picture.txt',
      content: Uint8Array.from(Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')),
    },
    { name: 'large.txt', content: 'x'.repeat(3 * 1024 * 1024 + 1) },
  ]);
  expect(results.map(({ error }) => error?.code)).toEqual(['EMPTY_FILE', 'UNSUPPORTED_FORMAT', 'UNSUPPORTED_FORMAT', 'PAYLOAD_TOO_LARGE']);
  for (const { error, document, job } of results)
    expect({ document, job, remedy: error?.remedy !== null }).toEqual({ document: null, job: null, remedy: true });
  expect(await holdings(server)).toEqual(before);
});

test('more files in one upload than may be are refused, with the limit and what to do', async () => {
  const before = await holdings(server);
  await expect(server.upload(Array.from({ length: 101 }, (_, i) => ({ name: `valve-${i}.txt`, content: `Valve ${i} was replaced.` })))).rejects.toThrow(
    /There are more than 100 files in one upload.*UPLOAD_MAX_FILES/,
  );
  expect(await holdings(server)).toEqual(before);
});

test('a file whose name is empty gets one', async () => {
  const boundary = 'b0undary';
  const part = (name: string, content: string, file = '') => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n${content}\r\n`;
  const query = 'mutation($files: [Upload!]!) { uploadDocuments(files: $files) { fileName document { id } error { code } } }';
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { authorization: server.authorization, 'apollo-require-preflight': '1', 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: `${part('operations', JSON.stringify({ query, variables: { files: [null] } }))}${part('map', '{"0":["variables.files.0"]}')}${part('0', 'The namebook of the harbour pilots.', '; filename=""\r\nContent-Type: application/octet-stream')}--${boundary}--\r\n`,
  });
  const answer = await response.text();
  expect(JSON.parse(answer), answer).toMatchObject({ data: { uploadDocuments: [{ fileName: 'untitled', error: null }] } });
  await server.idle();
});

test.each([
  ['ENCRYPTED', 'locked.pdf', () => pdf([sentence], { userPassword: 'secret', pdfVersion: '1.7' })],
  ['NO_TEXT', 'scan.pdf', () => pdf(['', ''])],
  ['CORRUPT', 'broken.pdf', () => pdf([sentence]).then((bytes) => bytes.slice(0, 400))],
  ['NO_TEXT', 'empty.docx', () => docx([])],
  ['CORRUPT', 'torn.docx', () => docx([sentence.repeat(50)]).then((bytes) => bytes.slice(0, bytes.length - 200))],
  ['ARCHIVE_BOMB', 'bomb.docx', () => docx([sentence], { 'word/media/zeros.bin': new Uint8Array(12 * 1024 * 1024) })],
  ['NO_TEXT', 'blank.html', () => Promise.resolve('<!doctype html><html><body><script>document.write("x")</script></body></html>')],
  ['NO_TEXT', 'marks.txt', () => Promise.resolve(' \n--- *** \n')],
])('%s: %s becomes a failed document with its original alone', async (code, name, make) => {
  const before = await holdings(server);
  const document = await server.take(name, await make());
  expect(document).toMatchObject({ status: 'FAILED', chunkCount: 0, error: { code } });
  expect(document.error?.message).not.toMatch(/\/tmp|node_modules|Error:/);
  expect(document.error?.remedy).toBeTruthy();
  await server.idle();
  const after = await holdings(server);
  expect(after).toEqual({ ...before, documents: before['documents']! + 1, originals: before['originals']! + 1 });
});

test('content decides the format, not the name', async () => {
  const taken = await server.take('actually-a.txt', await pdf([`${sentence} It is a PDF.`]));
  const { document } = await server.ask<{ document: { mimeType: string; status: string } }>('query($id: ID!) { document(id: $id) { mimeType status } }', {
    id: taken.id,
  });
  expect(document).toEqual({ mimeType: 'application/pdf', status: 'READY' });
});

const japanese = '設備の点検は毎月第二水曜日に行います。結果は台帳へ記入してください。';
/** Encodes by asking the decoder what each two-byte code means. */
function encode(text: string, encoding: string): Uint8Array<ArrayBuffer> {
  const codes = new Map<string, number[]>();
  const decoder = new TextDecoder(encoding);
  for (let first = 0x81; first <= 0xfc; first++) {
    for (let second = 0x40; second <= 0xfe; second++) {
      const character = decoder.decode(Uint8Array.of(first, second));
      if (character.length === 1 && character !== '\ufffd' && !codes.has(character)) codes.set(character, [first, second]);
    }
  }
  return Uint8Array.from(Array.from(text).flatMap((character) => codes.get(character) ?? [character.charCodeAt(0)]));
}

test.each([
  ['Shift_JIS', encode(japanese, 'shift_jis')],
  ['EUC-JP', encode(`${japanese}改訂一。`, 'euc-jp')],
  ['UTF-16 with a mark', Uint8Array.from(Buffer.from(`\ufeff${japanese}改訂二。`, 'utf16le'))],
  ['UTF-16 without a mark', Uint8Array.from(Buffer.from(`${japanese}\n改訂三。`, 'utf16le'))],
])('%s is read', async (_encoding, content) => {
  const taken = await server.take('台帳.txt', content);
  const { document } = await server.ask<{ document: { text: string; language: string; fileName: string } }>(
    'query($id: ID!) { document(id: $id) { text language fileName } }',
    { id: taken.id },
  );
  expect(document.text).toContain(japanese);
  expect(document).toMatchObject({ language: 'ja', fileName: '台帳.txt' });
});

test('a PDF of 500 pages gives passages that know their pages', { timeout: 300_000 }, async () => {
  const pages = Array.from(
    { length: 500 },
    (_, page) => `Inspection sheet ${page + 1}. Valve V-${page + 1} was opened, cleaned and closed again by the crew of shift ${page % 7}.`,
  );
  const taken = await server.take('sheets.pdf', await pdf(pages));
  expect(taken.status).toBe('READY');
  const { document, search } = await server.ask<{ document: { pageCount: number }; search: { hits: { pageFrom: number; chunk: { pageTo: number } }[] } }>(
    'query($id: ID!) { document(id: $id) { pageCount } search(query: "valve V-387", filter: { documentIds: [$id] }) { hits { pageFrom chunk { pageTo } } } }',
    { id: taken.id },
  );
  expect(document.pageCount).toBe(500);
  expect(search.hits[0]!.pageFrom).toBeLessThanOrEqual(387);
  expect(search.hits[0]!.chunk.pageTo).toBeGreaterThanOrEqual(387);
});
