import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { TestServer } from '../support/server.js';
import { count, holdings } from '../support/stores.js';

const kills = Number(process.env['FAULT_KILLS'] ?? 4);
const files = Number(process.env['FAULT_FILES'] ?? 40);

test(`${kills} kills while ${files} files are taken in lose and double nothing`, async () => {
  const server = await TestServer.start();
  const contents = Array.from({ length: files }, (_, index) => ({
    name: `report-${index}.txt`,
    content: `Report ${index}\n\n${Array.from({ length: 12 }, (_line, line) => `Sentence ${line} of report ${index} tells about machine ${index * 31 + line}.`).join(' ')}\n`,
  }));
  let sent = 0;
  for (let round = 0; round < kills; round++) {
    const upTo = Math.ceil((files * (round + 1)) / kills);
    // Bytes sent again after a cut are the same documents.
    const upload = server.upload(contents.slice(Math.max(0, sent - 3), upTo)).catch(() => null);
    sent = upTo;
    if (round % 3 !== 0) await upload;
    await delay(Math.random() * 900);
    await server.kill();
    await upload;
    await server.boot();
  }
  for (let at = 0; at < files; at += 25) await server.upload(contents.slice(at, at + 25));
  await server.idle(900_000);
  const { documents } = await server.ask<{ documents: { totalCount: number } }>('{ documents(filter: { statuses: [READY] }) { totalCount } }');
  expect(documents.totalCount).toBe(files);
  // The comparison of the vector index with the database, begun by the last start, may still be at work.
  const wanted = (chunks: number) => ({
    documents: files,
    document_texts: files,
    originals: files,
    chunks,
    chunk_fulltext: chunks,
    chunk_terms: chunks,
    chunk_vectors: chunks,
    vectors: chunks,
    temporary: 0,
  });
  await expect.poll(() => holdings(server), { timeout: 30_000, interval: 500 }).toEqual(wanted(await count(server, 'chunks')));
  expect(await count(server, 'chunks WHERE indexed_at IS NULL')).toBe(0);
  await server.stop();
}, 3_600_000);
