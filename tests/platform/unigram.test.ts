import { AutoTokenizer, env } from '@xenova/transformers';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { TokenTrie } from '../../server/platform/tokenizer/token-trie.js';
import { Unigram, type UnigramVocabulary } from '../../server/platform/tokenizer/unigram.js';

describe('tokens of a vocabulary', () => {
  const vocabulary = ['', '▁', '▁the', '▁th', 'e', '源泉', '源', '源泉数', 'ー', 'サーバー', 'サーバ', '𠮷', '𠮷野', 'ab', 'abcdef'];

  test.each(['▁these', '源泉数が', 'サーバーは', '𠮷野家', 'abcde', 'abcdefg', 'z', 'e', '', '源'])(
    'that "%s" begins with are found, shortest first',
    (text) => {
      const trie = new TokenTrie(vocabulary);
      const found: string[] = [];
      trie.forEachAt(`..${text}`, 2, (token, end) => {
        found.push(vocabulary[token]!);
        expect(end).toBe(2 + vocabulary[token]!.length);
      });
      // transformers.js goes by UTF-16 code units, so that a token with a surrogate pair is never found.
      const expected = vocabulary.filter((token) => token !== '' && !/[\ud800-\udfff]/.test(token) && text.startsWith(token));
      expect(found).toEqual(expected.sort((a, b) => a.length - b.length));
    },
  );

  test('thousands of them, each with its number', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => `${String.fromCharCode(0x3041 + (i % 80))}${i.toString(36)}`);
    const trie = new TokenTrie(many);
    for (let i = 0; i < many.length; i += 7) {
      const found: number[] = [];
      trie.forEachAt(many[i]!, 0, (token) => found.push(token));
      expect(found.at(-1)).toBe(i);
    }
  });
});

describe('the most likely tokens of a text', () => {
  let model: UnigramVocabulary & { tokenize: (text: string) => string[] };
  let unigram: Unigram;

  beforeAll(async () => {
    env.allowRemoteModels = false;
    env.localModelPath = join(packageRoot, 'server/platform/embedder/models');
    const tokenizer = await AutoTokenizer.from_pretrained('multilingual-e5-small-ja-latin', { local_files_only: true });
    model = tokenizer.model as unknown as typeof model;
    unigram = new Unigram(model);
  }, 30_000);

  test('are those of transformers.js', () => {
    const documents = ['README.md', 'README.ja.md', 'CHANGELOG.md'].map((name) => readFileSync(join(packageRoot, name), 'utf8'));
    const lines = documents.join('\n').normalize('NFKC').split('\n');
    const odd = [
      '',
      ' ',
      '▁',
      '𠮷野家で🍣を食べる',
      '👨‍👩‍👧‍👦',
      'aaaaaaaaaaaaaaaaaaaaaaaaaa',
      'ああああああああああああ',
      '\u{10ffff}\0x',
      '<s>query</s><unk>',
      '\ud800',
      'ﾊﾝｶｸ',
      'ไทย한국어',
    ];
    const texts = [...odd, ...lines, documents[1]!.slice(0, 3000)].map((text) => `▁${text.replaceAll(' ', '▁')}`);
    expect(texts.length).toBeGreaterThan(250);
    for (const text of [...odd, ...texts]) expect(unigram.cut(text)).toEqual(model.tokenize(text));
  });
});
