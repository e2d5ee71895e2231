import { expect, test } from 'vitest';
import { TokenPrefixes } from '../../server/platform/tokenizer/prefixes.js';

const vocabulary = ['', '▁', '▁the', '▁th', 'e', '源泉', '源', '源泉数', 'ー', 'サーバー', 'サーバ', '𠮷', '𠮷野', 'ab', 'abcdef'];
const texts = ['▁these', '源泉数が', 'サーバーは', '𠮷野家', 'abcde', 'abcdefg', 'z', 'e', '', '源'];

test.each(texts)('tokens that "%s" begins with are found, shortest first', (text) => {
  // transformers.js goes by UTF-16 code units, so that a token with a surrogate pair is never found.
  const expected = vocabulary.filter((token) => token !== '' && !/[\ud800-\udfff]/.test(token) && text.startsWith(token)).sort((a, b) => a.length - b.length);
  expect(new TokenPrefixes(vocabulary).of(text)).toEqual(expected);
});
