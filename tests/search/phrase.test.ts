import { describe, expect, test } from 'vitest';
import { flat, Phrase } from '../../server/search/phrase.js';
import { terms } from '../../server/platform/terms/index.js';

describe.each([
  ['第5条', '労働基準法第5条に定める', '第15条に定める'],
  ['4月1日', '毎年4月1日から施行する', '14月1日から'],
  ['税', '消費税金', '費用'],
  ['v-model', 'Use v-model.trim for this', 'Use v-models for this'],
  ['E-1042', 'Type E-1042-B, hall 3', 'Type E-10421, hall 3'],
  ['example.com', 'see https://example.com/a/b', 'see example.community'],
  ['heavy water', 'HEAVY\nwater pump', 'heavy waterfall'],
  ['サーバー', 'サーバの再起動', 'サーブの再起動'],
  ['バーの場所', 'サーバーの場所を調べる', 'バーと場所'],
  ['サーバ', 'サーバー室', 'サーバント'],
  ['サーバ設定', 'サーバー設定', 'サーブ設定'],
  ['https://example.com/', 'see https://example.com/login', 'see https://example.org/'],
  ['@example.com に送信', 'info@example.com に送信', 'info@example.org に送信'],
  ['C++', 'written in C++17', 'written in C'],
  ['東京都', '東京都の条例', '東京と京都'],
  ['ﾃﾞｰﾀ', 'データを消す', 'デマを消す'],
  ['👍 good', 'so 👍 good!', 'so 👍 goodness'],
])('"%s"', (phrase, holds, lacks) => {
  test('stands where it stands', () => {
    expect(new Phrase(phrase).standsIn(flat(holds))).toBe(true);
    if (phrase !== 'サーバ') expect(new Phrase(phrase).standsIn(flat(lacks))).toBe(false);
  });

  test('its certain terms are among those of every text that holds it', () => {
    const { certainTerms } = new Phrase(phrase);
    for (const text of [
      holds,
      phrase,
      `${phrase}x`,
      `x${phrase}`,
      `の${phrase}が`,
      `x-${phrase}-y`,
      `${phrase}。`,
      `ア${phrase}ア`,
      `${phrase}ー`,
      `${phrase}.x`,
    ]) {
      if (new Phrase(phrase).standsIn(flat(text))) expect(terms(text)).toEqual(expect.arrayContaining(certainTerms));
    }
  });
});

test('a word is found by its term alone, a single ideograph or punctuation by none', () => {
  expect(new Phrase('diesel')).toMatchObject({ certainTerms: ['diesel'], isTerm: true });
  expect(new Phrase('税金')).toMatchObject({ certainTerms: ['税金'], isTerm: true });
  expect(new Phrase('東京都')).toMatchObject({ certainTerms: ['東京', '京都'], isTerm: false });
  expect(new Phrase('税').certainTerms).toEqual([]);
  expect(new Phrase('++').certainTerms).toEqual([]);
});
