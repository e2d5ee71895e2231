/** Of the console, and of what people are told. */
export type Language = 'en' | 'ja';

/** A sentence in the languages of the console, or words that are the same in each. */
export type Saying = string | { en: string; ja: string };

/** How much of it is done. @param of what is counted, e.g. chunks */
export const outOf = (done: number, total: number, of: { en: string; ja: string }): Saying => ({
  en: `${done} of ${total} ${of.en}`,
  ja: `${of.ja} ${done} / ${total}`,
});

/** @param language `en` by default: that of logs, of the command line and of machines */
export const say = (saying: Saying, language: Language = 'en'): string => (typeof saying === 'string' ? saying : saying[language]);

const begin = '{"en":';

/** For a text column: both languages as JSON, or words that are the same in each. */
export const sayingColumn = {
  to: (saying: Saying | null | undefined) => {
    // Words that look like what is kept for two languages, such as a title, are kept as that.
    if (typeof saying === 'string') return saying.startsWith(begin) ? JSON.stringify({ en: saying, ja: saying }) : saying;
    return saying && JSON.stringify({ en: saying.en, ja: saying.ja });
  },
  from: (text: string | null): Saying | null => (text?.startsWith(begin) ? (JSON.parse(text) as Saying) : text),
};
