/** A sentence in the languages of the console, or words that are the same in each. */
export type Saying = string | { en: string; ja: string };

/** How much of it is done. @param of what is counted, e.g. chunks */
export const outOf = (done: number, total: number, of: { en: string; ja: string }): Saying => ({
  en: `${done} of ${total} ${of.en}`,
  ja: `${of.ja} ${done} / ${total}`,
});

/** @param language `en` by default: that of logs, of the command line and of machines */
export const say = (saying: Saying, language: 'en' | 'ja' = 'en'): string => (typeof saying === 'string' ? saying : saying[language]);

/** For a text column: both languages as JSON, or words that are the same in each. */
export const sayingColumn = {
  to: (saying: Saying | null | undefined) => (typeof saying === 'object' && saying !== null ? JSON.stringify(saying) : saying),
  from: (text: string | null): Saying | null => (text?.startsWith('{"en":') ? (JSON.parse(text) as Saying) : text),
};
