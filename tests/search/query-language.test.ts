import { expect, test } from 'vitest';
import { bothFilters, parseQuery } from '../../server/search/query-language.js';

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
])('%s', (query, expected) => expect(parseQuery(query)).toMatchObject(expected));

test.each(['pump type:spreadsheet', 'pump before:yesterday', 'pump after:2025-02-30', 'tag:人事', '-pump'])('%s is bad input', (query) => {
  expect(() => parseQuery(query)).toThrow(/type|date|leave out/);
});

test('filters of a query and of a request both count', () => {
  expect(bothFilters({ tags: ['a', 'b'], from: new Date(5) }, { tags: ['b'], from: new Date(9), languages: ['ja'] })).toMatchObject({
    tags: ['b'],
    from: new Date(9),
    languages: ['ja'],
  });
});
