import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { administer, databaseUrl, hasPostgres } from '../support/postgres.js';
import { TestServer } from '../support/server.js';

const database = 'erpfts_operators';
let server: TestServer;
interface Answer {
  hits: { document: { title: string }; snippet: string; highlights: { start: number; end: number }[] }[];
  understood: { kind: string; text: string }[];
  suggestion: string | null;
  totalCount: number;
  profile: { step: string; ms: number }[];
}
const search = async (query: string, mode = 'HYBRID') =>
  (
    await server.ask<{ search: Answer }>(
      'query($query: String!, $mode: SearchMode) { search(query: $query, mode: $mode) { totalCount suggestion understood { kind text } profile { step ms } hits { snippet highlights { start end } document { title } } } }',
      { query, mode },
    )
  ).search;
const titles = async (query: string, mode?: string) => (await search(query, mode)).hits.map(({ document }) => document.title);

describe.each([
  ['SQLite', true],
  ['PostgreSQL', hasPostgres],
])('on %s', (engine, isThere) => {
  describe.runIf(isThere)('operators', () => {
    beforeAll(async () => {
      if (engine === 'PostgreSQL') {
        await administer(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
        await administer(`CREATE DATABASE ${database}`);
      }
      server = await TestServer.start(engine === 'PostgreSQL' ? { DATABASE_URL: databaseUrl(database) } : {});
      await server.take('pump.md', '# Pump\n\nThe heavy water pump E-1042 stands in hall 3. It has a diesel engine for emergencies.\n', { tags: ['plant'] });
      await server.take('pond.txt', 'Water lilies are heavy when the pond is cleaned in autumn.');
      await server.take('engine.txt', 'The diesel engine of the old ferry was exchanged for an electric pump drive.');
      await server.take('server.txt', 'サーバーの再起動は毎週日曜日の深夜に行う。');
      await server.take('apple.txt', 'リンゴの収穫は十月に始まる。');
    });
    afterAll(async () => {
      await server.stop();
      if (engine === 'PostgreSQL') await administer(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    });

    test('a quoted phrase must stand in the passage', async () => {
      expect(await titles('"heavy water"')).toEqual(['Pump']);
      expect(await titles('"water heavy"')).toEqual([]);
      expect((await titles('heavy water')).length).toBeGreaterThan(1);
    });

    test('a word after a minus leaves documents out', async () => {
      expect(await titles('pump -diesel')).not.toContain('Pump');
      expect(await titles('pump -diesel')).not.toContain('engine');
      expect(await titles('pump -engine tag:plant')).toEqual([]);
      // All of a word's parts, in one passage.
      expect(await titles('再起動 -日曜日')).not.toContain('server');
      expect(await titles('再起動 -土曜日')).toContain('server');
    });

    test('a phrase is found whatever stands beside it, in the text, under its headings or in the title', async () => {
      await server.take('law.txt', '労働基準法第5条に定める休日は、毎年4月1日から数える。消費税金を含む。E-1042-B を v-model.trim で結ぶ。');
      for (const phrase of ['第5条', '4月1日', '税', 'E-1042', 'v-model', '基準法第5条', '-B を']) expect(await titles(`"${phrase}"`)).toContain('law');
      expect(await titles('"第6条"')).toEqual([]);
      expect(await titles('"酒"')).toEqual([]);
      // The title alone.
      expect(await titles('"pond"')).toEqual(['pond']);
      await server.take('Annual figures 2031.txt', 'Nothing of note.');
      expect(await titles('"annual figures 2031"')).toEqual(['Annual figures 2031']);
    });

    test('words to leave out are those that stand there, not their parts', async () => {
      await server.take('metro.txt', '東京と京都を結ぶ鉄道の時刻表。');
      await server.take('ward.txt', '東京都の鉄道の時刻表。');
      expect((await titles('鉄道の時刻表 -東京都')).filter((title) => ['metro', 'ward'].includes(title))).toEqual(['metro']);
      expect(await titles('鉄道の時刻表 -表')).not.toEqual(expect.arrayContaining(['metro', 'ward']));
      expect(await titles('pump -"water heavy"')).toContain('Pump');
      expect(await titles('pump -"heavy water"')).not.toContain('Pump');
      expect(await titles('pump -tag:plant')).not.toContain('Pump');
      expect(await titles('pump -tag:other')).toContain('Pump');
    });

    test('tags of the filter and of the query are both asked for', async () => {
      await server.take('both.txt', 'A pump of both kinds.', { tags: ['HR', '2025'] });
      const { search: found } = await server.ask<{ search: { hits: { document: { title: string } }[] } }>(
        '{ search(query: "pump tag:2025", filter: { tags: ["HR"] }) { hits { document { title } } } }',
      );
      expect(found.hits.map(({ document }) => document.title)).toEqual(['both']);
    });

    test('fields narrow, and the answer says how the query was understood', async () => {
      const answer = await search('pump tag:plant type:md');
      expect(answer.hits.map(({ document }) => document.title)).toEqual(['Pump']);
      expect(answer.understood).toEqual([
        { kind: 'TEXT', text: 'pump' },
        { kind: 'TAG', text: 'plant' },
        { kind: 'TYPE', text: 'md' },
      ]);
      expect(await titles('pump lang:ja')).toEqual(expect.not.arrayContaining(['Pump']));
      expect(await titles('pump before:2001')).toEqual([]);
      const { errors } = await server.send('{ search(query: "pump type:spreadsheet") { totalCount } }');
      expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', remedy: expect.stringContaining('pdf') as string });
    });

    test('identifiers are found as a whole', async () => {
      expect((await titles('E-1042', 'KEYWORD'))[0]).toBe('Pump');
    });

    test('spellings: the long vowel, the other kana, one wrong letter', async () => {
      expect((await titles('サーバの再起動', 'KEYWORD'))[0]).toBe('server');
      const answer = await search('サーバ', 'KEYWORD');
      expect(answer.hits[0]!.highlights.length).toBe(1);
      expect((await titles('りんごの収穫', 'KEYWORD'))[0]).toBe('apple');
      const typo = await search('emergancies', 'KEYWORD');
      expect(typo.hits[0]?.document.title).toBe('Pump');
      expect(typo.suggestion).toBe('emergencies');
      expect(typo.understood).toContainEqual({ kind: 'VARIANT', text: 'emergancies → emergencies' });
      await server.take('setup.txt', 'アプリケーションのインストールは管理者が行います。データベースは毎晩バックアップします。');
      // One left out, one wrong, one exchanged, one too many.
      for (const [wrong, right] of [
        ['アプリケーシンの設定', 'アプリケーションの設定'],
        ['データベーズ', 'データベース'],
        ['インスートル', 'インストール'],
        ['バックアッププ', 'バックアップ'],
        // Every pair of its characters occurs.
        ['データベーシ', 'データベース'],
      ] as const) {
        const { suggestion, hits } = await search(wrong, 'KEYWORD');
        expect([suggestion, hits[0]?.document.title]).toEqual([right, 'setup']);
      }
      expect((await search('アプリケーションの設定', 'KEYWORD')).suggestion).toBeNull();
      // Both words of a short question, each wrong.
      expect((await search('emergancies mashine', 'KEYWORD')).suggestion).toBeNull();
      expect((await search('emergancies deisel', 'KEYWORD')).suggestion).toBe('emergencies diesel');
      // Each pair of its characters occurs, though not beside each other.
      await server.take('ring.txt', 'りんの音とかんごの話。');
      expect(await titles('りんご', 'KEYWORD')).toContain('apple');
      // No word is as long: what lies near it is not made up, which would take gigabytes.
      for (const letter of ['q', 'ヴ']) expect((await search(letter.repeat(5000), 'KEYWORD')).suggestion).toBeNull();
      // Nothing near it occurs, though every pair of its characters does.
      expect((await search('バックアプリ', 'KEYWORD')).suggestion).toBeNull();
    });

    test('a search tells where its time went', async () => {
      const { profile } = await search('where does the pump stand');
      expect(profile.map(({ step }) => step)).toEqual(expect.arrayContaining(['EMBED', 'VECTORS', 'WORDS', 'FUSE', 'RENDER']));
    });
  });
});
