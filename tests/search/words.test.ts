import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { countTerms, hashTerm, packTerms, packWordParts, terms, TermVector } from '../../server/platform/terms/index.js';
import { LexicalQuery } from '../../server/search/lexical-search.js';
import { foreignTrust, fuse, idealScore, weighTerms } from '../../server/search/rank-fusion.js';
import { packageRoot } from '../../server/config/index.js';
import { snippetOf, SnippetQuery } from '../../server/search/snippet.js';
import { TextParts } from '../../server/search/text-parts.js';

describe('terms', () => {
  test.each([
    ['Cooling of the Reactor', ['cooling', 'of', 'the', 'reactor']],
    ['有給休暇', ['有給', '給休', '休暇']],
    ['Vue3の使い方', ['vue3', 'の使', '使い', 'い方']],
    ['ﾌﾟﾛｸﾞﾗﾑ', ['プロ', 'ログ', 'グラ', 'ラム']],
    ['ＡＢＣ', ['abc']],
    ['…—!?', []],
    ['森', ['森']],
  ])('%s', (text, expected) => expect(terms(text)).toEqual(expected));

  test('packed counts are read back', () => {
    const vector = new TermVector(packTerms(countTerms(['a', 'b', 'a'])), 3);
    expect([vector.count(hashTerm('a')), vector.count(hashTerm('b')), vector.count(hashTerm('c'))]).toEqual([2, 1, 0]);
  });

  test('counts of many terms at once are those of each', () => {
    const held = Array.from({ length: 200 }, (_, i) => `held ${i}`);
    const vector = new TermVector(packTerms(countTerms([...held, ...held.slice(0, 50), ...held.slice(0, 9)])), 259);
    for (const asked of [[], held, ['x', ...held.slice(5, 60), 'y', 'z'], ['x'], held.slice(0, 1)]) {
      const hashes = Uint32Array.from(asked, hashTerm).sort();
      const counts = new Uint8Array(hashes.length).fill(77);
      vector.countAll(hashes, counts);
      expect([...counts]).toEqual([...hashes].map((hash) => vector.count(hash)));
    }
  });
});

describe('lexical score', () => {
  const chunk = (text: string) => ({
    chunkId: 1,
    documentId: 'd',
    revision: 1,
    chunking: 1,
    terms: new TermVector(packTerms(countTerms(terms(text))), terms(text).length),
  });
  const statistics = { chunks: 1000, meanLength: 8 };
  const query = weighTerms(
    new Map([
      ['pump', 3],
      ['the', 900],
      ['unheardof', 0],
    ]),
    hashTerm,
    statistics,
  );

  test('rare words weigh more, and no passage passes the ideal', () => {
    const words = new LexicalQuery(query, statistics);
    const rare = words.score(chunk('a pump of the plant')).coverage;
    const common = words.score(chunk('the the the the')).coverage;
    expect(common).toBeGreaterThan(0);
    expect(rare).toBeGreaterThan(common * 3);
    expect(rare).toBeLessThan(1);
    expect(words.score(chunk('nothing of it')).coverage).toBe(0);
    // Okapi BM25 with k1 = .9 and b = .4: one "pump" and one "the" among five terms.
    const norm = 0.9 * (1 - 0.4 + (0.4 * 5) / 8);
    const [pump, the] = query.map(({ idf }) => (idf * 1.9) / (1 + norm));
    expect(rare).toBeCloseTo((pump! + the!) / idealScore(query), 10);
  });

  test('of a query without words nothing is covered', () => {
    expect(new LexicalQuery([], statistics).score(chunk('a pump')).coverage).toBe(0);
  });

  test('the fused score stays within 0..1 and rises with either side', () => {
    expect(fuse(1, 1)).toBe(1);
    expect(fuse(-1, 0)).toBe(0);
    expect(fuse(0.8, 0.5)).toBeGreaterThan(fuse(0.8, 0.4));
    expect(fuse(0.9, 0.5)).toBeGreaterThan(fuse(0.8, 0.5));
  });

  test('in a foreign document words count by how much of the question is covered', () => {
    expect(foreignTrust(false, 0)).toBeLessThan(foreignTrust(false, 0.1));
    expect(foreignTrust(false, 0.5)).toBe(1);
    expect(foreignTrust(true, 0)).toBeGreaterThan(1);
  });
});

describe('snippets', () => {
  const marked = (text: string, query: string) => {
    const snippet = snippetOf(text, new SnippetQuery(query));
    expect(text).toContain(snippet.text);
    return snippet.highlights.map(({ start, end }) => snippet.text.slice(start, end));
  };

  test('mark whole words of the text', () => {
    expect(marked('The category of cats: a cat sleeps.', 'cat')).toEqual(['cat']);
    expect(marked('年次有給休暇は10日とする。', '有給休暇')).toEqual(['有給休暇']);
    expect(marked('Nothing here.', 'pump')).toEqual([]);
  });

  test('are cut from a long passage where the words are', () => {
    const filler = 'The committee met again and wrote the minutes. ';
    const text = filler.repeat(30) + 'The emergency pump starts by itself. ' + filler.repeat(30);
    const snippet = snippetOf(text, new SnippetQuery('emergency pump'));
    expect(snippet.text).toContain('emergency pump');
    expect(snippet.text.length).toBeLessThan(400);
    expect(snippet.matchedWords).toEqual(['emergency', 'pump']);
  });

  test.each(['README.md', 'README.ja.md', 'ops/runbooks/model.ja.md'])('are the same where the words of the passage were found before: %s', (file) => {
    const text = readFileSync(join(packageRoot, file), 'utf8').normalize('NFKC');
    const passages = Array.from({ length: Math.ceil(text.length / 700) }, (_, i) => text.slice(i * 700, i * 700 + 900));
    let marks = 0;
    for (const query of ['サーバーを起動する', 'バックアップの復元', 'Redis PostgreSQL', 'start the server', 'モデルを変える', 'npm test']) {
      const wanted = new SnippetQuery(query);
      for (const passage of passages) {
        const parts = new TextParts(passage, packWordParts(passage));
        const prepared = snippetOf(passage, wanted, parts);
        expect(prepared).toEqual(snippetOf(passage, wanted));
        marks += prepared.highlights.length;
      }
    }
    expect(marks).toBeGreaterThan(5);
  });

  test.each([0, 1, 7, 40])('come to an end where the kept places of the words are damaged: %d bytes of nothing', (bytes) => {
    const text = '源泉の数は二百を超え、源泉の湯はぬるい。'.repeat(3);
    const parts = new TextParts(text, new Uint8Array(bytes));
    expect(text).toContain(snippetOf(text, new SnippetQuery('源泉の数'), parts).text);
    const jumbled = Uint8Array.from(packWordParts(text)!).reverse();
    expect(text).toContain(snippetOf(text, new SnippetQuery('源泉の数'), new TextParts(text, jumbled)).text);
  });

  test('never tear a surrogate pair', () => {
    const text = '𠮷野家の牛丼。'.repeat(200);
    expect(snippetOf(text, new SnippetQuery('牛丼')).text).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/);
  });
});
