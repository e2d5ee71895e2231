import { expect, test } from 'vitest';
import { outOf, say, sayingColumn } from '../../server/platform/saying.js';

test.each([['plain words'], ['{"en": a title that looks like more'], ['{"en":"a","ja":"b"}'], [''], [null]])(
  '%j comes back from a text column as it was',
  (saying) => {
    const read = sayingColumn.from(sayingColumn.to(saying) ?? null);
    expect(read === null ? null : [say(read), say(read, 'ja')]).toEqual(saying === null ? null : [saying, saying]);
  },
);

test('both languages come back, whatever order they were given in', () => {
  const read = sayingColumn.from(sayingColumn.to({ ja: '文書 1 / 2', en: '1 of 2 documents' }) ?? null);
  expect(read).toEqual(outOf(1, 2, { en: 'documents', ja: '文書' }));
});
