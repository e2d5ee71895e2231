/** A sentence in the languages of the console, or words that are the same in each. */
export type Saying = string | { en: string; ja: string };

/** @param language `en` by default: that of logs, of the command line and of machines */
export const say = (saying: Saying, language: 'en' | 'ja' = 'en'): string => (typeof saying === 'string' ? saying : saying[language]);
