import { type DocumentCriteria } from '../documents/index.js';
import { badInput } from '../platform/errors.js';

/** What a part of a query was understood as. */
export enum QueryPartKind {
  TEXT = 'TEXT',
  PHRASE = 'PHRASE',
  /** Between quotation marks that a sentence has for its own. */
  QUOTED = 'QUOTED',
  EXCLUDED = 'EXCLUDED',
  TAG = 'TAG',
  LANGUAGE = 'LANGUAGE',
  TYPE = 'TYPE',
  BEFORE = 'BEFORE',
  AFTER = 'AFTER',
  /** A word nobody wrote that way, looked for in the spelling the library has. */
  VARIANT = 'VARIANT',
}

export interface QueryPart {
  kind: QueryPartKind;
  text: string;
}

export interface ParsedQuery {
  /** What is looked for by meaning and words; phrases without their quotes are part of it. */
  text: string;
  /** Passages must hold these, letter for letter but for case and width. */
  phrases: string[];
  /** Documents must not hold these. */
  excluded: string[];
  filter: DocumentCriteria;
  parts: QueryPart[];
}

const mimeTypes: Record<string, string[]> = {
  pdf: ['application/pdf'],
  docx: ['application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  word: ['application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  html: ['text/html'],
  web: ['text/html'],
  md: ['text/markdown'],
  markdown: ['text/markdown'],
  txt: ['text/plain'],
  text: ['text/plain'],
};

const curlyQuotes = /[“”„‟«»]/g;
/** What a sentence puts behind a word, and a quotation mark that nothing closes. */
const around = /^"|[,.;:!?、。…"]+$/gu;
/** A tag may end in what ends a sentence: Yahoo!, etc. */
const aroundTag = /^"|[,;、。"]+$/gu;
/** Phrases and words to leave out that one query may have: each is looked up on its own. */
const mostConstraints = 20;
/**
 * A quotation mark that opens stands at the beginning of a word, as these are written with spaces; one in brackets, or within what is
 * written without spaces, quotes something in a sentence: 「歌("A Song")は誰の曲」. One that closes may stand before punctuation, or what goes on.
 */
const closing = String.raw`"(?=$|[\s,.;:!?)\]}、。」』】〉》(「『【〈《・…/\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])`;
const token = new RegExp(
  String.raw`(?<minus>(?<=^|\s)(?:-(?![->])|−(?=[\p{Letter}"])))?(?:(?<=^|\s|[-−])(?<field>tag|lang|type|before|after):)?(?:(?<=^|[\s:−-])"(?<quoted>[^"]+)${closing}|(?<word>\S+))`,
  'giu',
);
const onlyQuotes = /^"+$/;
const onlyPunctuation = /^[^\p{Letter}\p{Number}]+$/u;
/** With more around them than this, quotation marks are a sentence's own and ask for nothing. */
const mostWordsBesidePhrases = 4;
const longestBesidePhrases = 24;
const date = /^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?$/;

/** First moment of a year, month or day. */
function startOf(text: string, field: string, timeZone: string): Date {
  const parts = date.exec(text);
  const [year = NaN, month = 1, day = 1] = (parts ?? []).slice(1).map((part) => (part === undefined ? 1 : Number(part)));
  const start = new Date(Date.UTC(year, month - 1, day));
  if (!parts || start.getUTCMonth() !== month - 1 || start.getUTCDate() !== day)
    throw badInput(
      { en: `"${text}" after ${field}: is not a date.`, ja: `${field}: の後の「${text}」は日付ではありません。` },
      { en: 'Write a year, a month or a day, such as 2025, 2025-04 or 2025-04-01.', ja: '2025、2025-04、2025-04-01 のように書いてください。' },
    );
  return midnight(start, timeZone);
}

/** @param day at midnight, UTC @param timeZone the machine's where it is empty */
function midnight(day: Date, timeZone: string): Date {
  if (timeZone === '') return new Date(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate());
  const clock = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  const offsetAt = (at: number) => Date.parse(`${clock.format(at).replace(' ', 'T')}Z`) - at;
  const guess = day.getTime() - offsetAt(day.getTime());
  // Where the clocks are put forward or back on the day before, the offset there is not that of midnight.
  const start = day.getTime() - offsetAt(guess);
  // Where they are put forward at midnight, there is none: the day begins with that.
  return new Date(offsetAt(start) === offsetAt(guess) ? start : guess);
}

/**
 * Understands a query: words and sentences as they are; "quoted" phrases; -word; tag:, lang:, type:, also behind a minus; before:, after:.
 * @param query NFKC
 * @param timeZone in which days begin, an IANA name; the machine's where it is empty
 * @throws AppError BAD_USER_INPUT for a wrong type or date, or where nothing is left to look for
 */
export function parseQuery(query: string, timeZone: string): ParsedQuery {
  const words: { text: string; isPhrase: boolean; before: string }[] = [];
  let end = 0;
  const parsed: ParsedQuery = { text: '', phrases: [], excluded: [], filter: {}, parts: [] };
  for (const { groups = {}, index, 0: whole } of query.replace(curlyQuotes, '"').matchAll(token)) {
    // What is written without spaces is read so.
    const before = words.length === 0 || index === end ? '' : ' ';
    const field = groups['field']?.toLowerCase();
    const written = (groups['quoted'] ?? groups['word'] ?? '').trim();
    const isOperator = (field !== undefined || groups['minus'] !== undefined) && groups['quoted'] === undefined;
    const value = (isOperator && written.replace(field === 'tag' ? aroundTag : around, '')) || written;
    if (value === '' || onlyQuotes.test(value)) continue;
    if (groups['minus'] && !field && !onlyPunctuation.test(value)) {
      parsed.excluded.push(value);
      parsed.parts.push({ kind: QueryPartKind.EXCLUDED, text: value });
    } else if (field && groups['minus'] && isNegated(field)) {
      (parsed.filter.not ??= []).push(filterBy({ filter: {}, parts: [] }, field, value, timeZone));
      parsed.parts.push({ kind: QueryPartKind.EXCLUDED, text: `${field}:${value}` });
    } else if (field && !groups['minus']) filterBy(parsed, field, value, timeZone);
    else {
      words.push({ text: (groups['minus'] ?? '') + (field ? `${field}:` : '') + value, isPhrase: groups['quoted'] !== undefined && !field, before });
      end = index + whole.length;
    }
  }
  const quotes = words.some(({ isPhrase }) => isPhrase);
  const plain = words.filter(({ isPhrase, text }) => !isPhrase && !(quotes && onlyPunctuation.test(text))).map(({ text }) => text);
  const isSentence = plain.length > mostWordsBesidePhrases || plain.join(' ').length > longestBesidePhrases;
  for (const { text, isPhrase } of words) if (isPhrase && !isSentence) parsed.phrases.push(text);
  parsed.text = words.map(({ text, isPhrase, before }) => before + (isPhrase && isSentence ? `"${text}"` : text)).join('');
  parsed.phrases = unique(parsed.phrases);
  parsed.excluded = unique(parsed.excluded);
  const constraints = parsed.phrases.length + parsed.excluded.length;
  if (constraints > mostConstraints)
    throw badInput(
      {
        en: `The query has ${constraints} phrases and words to leave out; ${mostConstraints} can be answered.`,
        ja: `引用符と除く言葉は合わせて ${mostConstraints} 個までです（${constraints} 個）。`,
      },
      { en: 'Leave some of them out.', ja: '減らしてください。' },
    );
  const quoted = isSentence ? words.flatMap(({ text, isPhrase }) => (isPhrase ? [text] : [])) : [];
  parsed.parts.unshift(
    ...parsed.phrases.map((text) => ({ kind: QueryPartKind.PHRASE, text })),
    ...quoted.map((text) => ({ kind: QueryPartKind.QUOTED, text })),
  );
  parsed.parts = parsed.parts.filter(({ kind, text }, at, all) => all.findIndex((other) => other.kind === kind && other.text === text) === at);
  const looked = isSentence ? parsed.text : plain.join(' ');
  if (looked) parsed.parts.unshift({ kind: QueryPartKind.TEXT, text: looked });
  if (parsed.text === '')
    throw badInput(
      { en: 'The query only says what to leave out or where to look.', ja: '除く言葉や絞り込みだけで、探す言葉がありません。' },
      { en: 'Add what you are looking for.', ja: '探す言葉を加えてください。' },
    );
  return parsed;
}

/** Of dates there is the other one. */
const isNegated = (field: string) => field !== 'before' && field !== 'after';

function filterBy(parsed: Pick<ParsedQuery, 'filter' | 'parts'>, field: string, value: string, timeZone: string): DocumentCriteria {
  const { filter } = parsed;
  switch (field) {
    case 'tag':
      filter.tags = [...(filter.tags ?? []), value];
      parsed.parts.push({ kind: QueryPartKind.TAG, text: value });
      break;
    case 'lang':
      filter.languages = [...(filter.languages ?? []), value.toLowerCase()];
      parsed.parts.push({ kind: QueryPartKind.LANGUAGE, text: value.toLowerCase() });
      break;
    case 'type': {
      const types = mimeTypes[value.toLowerCase()];
      if (!types)
        throw badInput(
          { en: `"${value}" after type: is not a type of document.`, ja: `type: の後の「${value}」は文書の種類ではありません。` },
          { en: `Use one of ${Object.keys(mimeTypes).join(', ')}.`, ja: `${Object.keys(mimeTypes).join('、')} のどれかにしてください。` },
        );
      filter.mimeTypes = [...(filter.mimeTypes ?? []), ...types];
      parsed.parts.push({ kind: QueryPartKind.TYPE, text: value.toLowerCase() });
      break;
    }
    case 'before':
      // Up to the last moment before that year, month or day; of several the narrowest holds.
      filter.to = new Date(Math.min(filter.to?.getTime() ?? Infinity, startOf(value, field, timeZone).getTime() - 1));
      parsed.parts.push({ kind: QueryPartKind.BEFORE, text: value });
      break;
    default:
      filter.from = new Date(Math.max(filter.from?.getTime() ?? -Infinity, startOf(value, field, timeZone).getTime()));
      parsed.parts.push({ kind: QueryPartKind.AFTER, text: value });
  }
  return filter;
}

const unique = (texts: string[]) => [...new Set(texts)];
