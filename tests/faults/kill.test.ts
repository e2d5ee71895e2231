import { setTimeout as delay } from 'node:timers/promises';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import { expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

const kills = Number(process.env['FAULT_KILLS'] ?? 4);
const files = Number(process.env['FAULT_FILES'] ?? 40);

function row(path: string, sql: string): Promise<Record<string, number>> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(path, sqlite3.OPEN_READONLY);
    database.get(sql, (error, found: Record<string, number>) => {
      database.close();
      if (error) reject(error);
      else resolve(found);
    });
  });
}

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
  await server.quit();
  const path = join(server.dataDir, 'erpfts.sqlite');
  const counts = await row(
    path,
    `SELECT (SELECT count(*) FROM documents) documents, (SELECT count(*) FROM chunks) chunks, (SELECT count(*) FROM chunk_fulltext) fulltext, (SELECT count(*) FROM chunk_vectors) vectors, (SELECT count(*) FROM chunk_terms) terms, (SELECT count(*) FROM chunks WHERE indexed_at IS NULL) unindexed`,
  );
  expect(counts).toEqual({
    documents: files,
    chunks: counts['chunks'],
    fulltext: counts['chunks'],
    vectors: counts['chunks'],
    terms: counts['chunks'],
    unindexed: 0,
  });
  expect(readdirSync(join(server.dataDir, 'tmp'))).toEqual([]);
  await server.stop();
}, 3_600_000);
