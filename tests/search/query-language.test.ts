import { expect, test } from 'vitest';
import { admits, isNarrowing } from '../../server/documents/catalogue.js';
import { parseQuery } from '../../server/search/query-language.js';

test.each([
  ['有給休暇は何日?', { text: '有給休暇は何日?' }],
  ['"heavy water" pump', { text: 'heavy water pump', phrases: ['heavy water'] }],
  ['pump -diesel -"old model"', { text: 'pump', excluded: ['diesel', 'old model'] }],
  ['e-mail v-model 10 - 4', { text: 'e-mail v-model 10 - 4', excluded: [] }],
  ['休暇 tag:人事 lang:JA type:pdf', { text: '休暇', filter: { tags: ['人事'], languages: ['ja'], mimeTypes: ['application/pdf'] } }],
  ['budget after:2024-04 before:2025', { text: 'budget', filter: { from: new Date('2024-04-01T00:00:00Z'), to: new Date('2024-12-31T23:59:59.999Z') } }],
  ['tag:"annual report" pump', { text: 'pump', filter: { tags: ['annual report'] } }],
  ['https://example.org/a time:12', { text: 'https://example.org/a time:12', filter: {} }],
  [
    'What theatre was the best example of "Polish monumental theatre"?',
    { text: 'What theatre was the best example of "Polish monumental theatre"?', phrases: [] },
  ],
  ['Denote the "else block" for v-if or a chain.', { phrases: [] }],
  ['`aria-hidden="true"` を追加', { text: '`aria-hidden="true"` を追加', phrases: [] }],
  ['“heavy water”', { text: 'heavy water', phrases: ['heavy water'] }],
  ['npm install --save-dev', { text: 'npm install --save-dev', excluded: [] }],
  ['"E-1042", "heavy water"?', { phrases: ['E-1042', 'heavy water'] }],
  ['("heavy water") pump', { text: '("heavy water") pump', phrases: [] }],
  ['「アルトンズ・メドレー("Alton\'sMedley")」は誰の曲?', { text: '「アルトンズ・メドレー("Alton\'sMedley")」は誰の曲?', phrases: [] }],
  ['"有給休暇"の手順', { text: '有給休暇の手順', phrases: ['有給休暇'] }],
  ['前年の"有給休暇"', { text: '前年の"有給休暇"', phrases: [] }],
  ['"有給休暇"・"特別休暇"', { phrases: ['有給休暇'] }],
  ['"有給休暇"(2024)', { phrases: ['有給休暇'] }],
  ['請求書 -"ドラフト"の書式', { text: '請求書 の書式', excluded: ['ドラフト'] }],
  ['pump ""', { text: 'pump', phrases: [] }],
  ['pump -tag:draft -type:pdf', { text: 'pump', excluded: [], filter: { not: [{ tags: ['draft'] }, { mimeTypes: ['application/pdf'] }] } }],
  ['pump -tag:"old plant"', { filter: { not: [{ tags: ['old plant'] }] } }],
  ['pump -diesel, engine', { text: 'pump engine', excluded: ['diesel'] }],
  ['ポンプ -ディーゼル、', { text: 'ポンプ', excluded: ['ディーゼル'] }],
  ['pump type:pdf, after:2025-04.', { text: 'pump', filter: { mimeTypes: ['application/pdf'], from: new Date('2025-04-01T00:00:00Z') } }],
  ['pump -"heavy', { text: 'pump', excluded: ['heavy'] }],
  ['pump tag:"annual', { text: 'pump', filter: { tags: ['annual'] } }],
  ['pump −diesel −"old model" −tag:draft', { text: 'pump', excluded: ['diesel', 'old model'], filter: { not: [{ tags: ['draft'] }] } }],
  ['動作温度 −20°C', { text: '動作温度 −20°C', excluded: [] }],
  ['the index –which is rebuilt– often', { excluded: [] }],
  ['"range −five to"', { phrases: ['range −five to'] }],
  ['Map -> Object 変換 ptr ->next -…', { text: 'Map -> Object 変換 ptr ->next -…', excluded: [] }],
  ['pump tag:Yahoo! tag:draft,', { text: 'pump', filter: { tags: ['Yahoo!', 'draft'] } }],
  ['2019–2024 − 5', { text: '2019–2024 − 5', excluded: [] }],
  ['pump before:2024 before:2025 after:2020 after:2019', { filter: { from: new Date('2020-01-01T00:00:00Z'), to: new Date('2023-12-31T23:59:59.999Z') } }],
])('%s', (query, expected) => expect(parseQuery(query, 'UTC')).toMatchObject(expected));

test('what is said twice counts once', () => {
  const { phrases, excluded, parts } = parseQuery('"heavy water" pump -a -a "heavy water" tag:b tag:b lang:ja lang:JA', 'UTC');
  expect([phrases, excluded]).toEqual([['heavy water'], ['a']]);
  expect(parts.map(({ kind, text }) => `${kind} ${text}`)).toEqual(['TEXT pump', 'PHRASE heavy water', 'EXCLUDED a', 'TAG b', 'LANGUAGE ja']);
});

test('quotation marks that a sentence has for its own are told', () => {
  const { phrases, parts } = parseQuery('"heavy water" pump of hall three in plant B', 'UTC');
  expect(phrases).toEqual([]);
  expect(parts).toContainEqual({ kind: 'QUOTED', text: 'heavy water' });
});

test('phrases and words to leave out are looked up one by one, and so not without end', () => {
  const words = (count: number) => Array.from({ length: count }, (_, i) => `-w${i}`).join(' ');
  expect(parseQuery(`pump ${words(20)} ${words(20)}`, 'UTC').excluded).toHaveLength(20);
  expect(() => parseQuery(`pump ${words(21)}`, 'UTC')).toThrow(/21 phrases and words/);
});

test.each(['pump type:spreadsheet', 'pump before:yesterday', 'pump after:2025-02-30', 'tag:人事', '-pump'])('%s is bad input', (query) => {
  expect(() => parseQuery(query, 'UTC')).toThrow(/type|date|leave out/);
});

test.each([
  ['UTC', '2025-04-01T00:00:00.000Z'],
  ['Asia/Tokyo', '2025-03-31T15:00:00.000Z'],
  ['America/New_York', '2025-04-01T04:00:00.000Z'],
])('a day begins at midnight in %s', (timeZone, from) => {
  expect(parseQuery('pump after:2025-04-01', timeZone).filter.from?.toISOString()).toBe(from);
});

test('on the day the clocks are put forward, midnight is as the day before', () => {
  expect(parseQuery('pump after:2017-10-15', 'America/Sao_Paulo').filter.from?.toISOString()).toBe('2017-10-15T03:00:00.000Z');
  expect(parseQuery('pump after:2025-03-30', 'Europe/Berlin').filter.from?.toISOString()).toBe('2025-03-29T23:00:00.000Z');
  expect(parseQuery('pump before:2025-03-31', 'Europe/Berlin').filter.to?.toISOString()).toBe('2025-03-30T21:59:59.999Z');
});

const facts = {
  id: 'a',
  revision: 1,
  sourceType: 'FILE' as const,
  language: 'ja',
  mimeType: 'text/plain',
  datedAt: '2025-01-01T00:00:00.000Z',
  tags: ['HR', '2025'],
};

test('what a request and a query narrow both count', () => {
  expect(admits({ tags: ['HR'], and: [{ tags: ['2025'] }] }, facts)).toBe(true);
  expect(admits({ tags: ['HR'], and: [{ tags: ['2024'] }] }, facts)).toBe(false);
  // As people write a tag in a query.
  expect(admits({ tags: ['hr'] }, facts)).toBe(true);
  expect(admits({ not: [{ tags: ['ｈｒ'] }] }, facts)).toBe(false);
  expect(admits({ languages: ['ja'], and: [{}] }, facts)).toBe(true);
  expect(admits({ not: [{ tags: ['2025'] }] }, facts)).toBe(false);
  expect(admits({ not: [{ tags: ['2024'] }] }, facts)).toBe(true);
  expect([isNarrowing({ tags: null, and: [{}] }), isNarrowing({ and: [{ languages: ['ja'] }] }), isNarrowing({ not: [{ tags: ['a'] }] })]).toEqual([
    false,
    true,
    true,
  ]);
});
