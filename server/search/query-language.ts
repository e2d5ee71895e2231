import { type DocumentCriteria } from '../documents/index.js';
import { badInput } from '../platform/errors.js';

/** What a part of a query was understood as. */
export enum QueryPartKind {
  TEXT = 'TEXT',
  PHRASE = 'PHRASE',
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
/** A quotation mark that opens stands before a word, one that closes behind it: `class="a"` quotes nothing. */
const token = /(?<minus>(?<=^|\s)-)?(?:(?<=^|\s|-)(?<field>tag|lang|type|before|after):)?(?:(?<=^|[\s:-])"(?<quoted>[^"]+)"(?=\s|$)|(?<word>\S+))/giu;
/** With more around them than this, quotation marks are a sentence's own and ask for nothing. */
const mostWordsBesidePhrases = 4;
const longestBesidePhrases = 24;
const date = /^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?$/;

/** First moment of a year, month or day, UTC. */
function startOf(text: string, field: string): Date {
  const parts = date.exec(text);
  const [year = NaN, month = 1, day = 1] = (parts ?? []).slice(1).map((part) => (part === undefined ? 1 : Number(part)));
  const start = new Date(Date.UTC(year, month - 1, day));
  if (!parts || start.getUTCMonth() !== month - 1 || start.getUTCDate() !== day)
    throw badInput(
      { en: `"${text}" after ${field}: is not a date.`, ja: `${field}: の後の「${text}」は日付ではありません。` },
      { en: 'Write a year, a month or a day, such as 2025, 2025-04 or 2025-04-01.', ja: '2025、2025-04、2025-04-01 のように書いてください。' },
    );
  return start;
}

/**
 * Understands a query: words and sentences as they are; "quoted" phrases; -word; tag:, lang:, type:, before:, after:.
 * @param query NFKC
 * @throws AppError BAD_USER_INPUT for a wrong type or date, or where nothing is left to look for
 */
export function parseQuery(query: string): ParsedQuery {
  const words: { text: string; isPhrase: boolean }[] = [];
  const parsed: ParsedQuery = { text: '', phrases: [], excluded: [], filter: {}, parts: [] };
  for (const { groups = {} } of query.replace(curlyQuotes, '"').matchAll(token)) {
    const value = (groups['quoted'] ?? groups['word'] ?? '').trim();
    const field = groups['field']?.toLowerCase();
    if (value === '') continue;
    if (groups['minus'] && !field) {
      parsed.excluded.push(value);
      parsed.parts.push({ kind: QueryPartKind.EXCLUDED, text: value });
    } else if (field && !groups['minus']) filterBy(parsed, field, value);
    else words.push({ text: (groups['minus'] ?? '') + (field ? `${field}:` : '') + value, isPhrase: groups['quoted'] !== undefined && !field });
  }
  const plain = words.filter(({ isPhrase }) => !isPhrase).map(({ text }) => text);
  const isSentence = plain.length > mostWordsBesidePhrases || plain.join(' ').length > longestBesidePhrases;
  for (const { text, isPhrase } of words) if (isPhrase && !isSentence) parsed.phrases.push(text);
  parsed.text = words.map(({ text, isPhrase }) => (isPhrase && isSentence ? `"${text}"` : text)).join(' ');
  parsed.parts.unshift(...parsed.phrases.map((text) => ({ kind: QueryPartKind.PHRASE, text })));
  const looked = isSentence ? parsed.text : plain.join(' ');
  if (looked) parsed.parts.unshift({ kind: QueryPartKind.TEXT, text: looked });
  if (parsed.text === '')
    throw badInput(
      { en: 'The query only says what to leave out or where to look.', ja: '除く言葉や絞り込みだけで、探す言葉がありません。' },
      { en: 'Add what you are looking for.', ja: '探す言葉を加えてください。' },
    );
  return parsed;
}

function filterBy(parsed: ParsedQuery, field: string, value: string): void {
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
      // Up to the last moment before that year, month or day.
      filter.to = new Date(startOf(value, field).getTime() - 1);
      parsed.parts.push({ kind: QueryPartKind.BEFORE, text: value });
      break;
    default:
      filter.from = startOf(value, field);
      parsed.parts.push({ kind: QueryPartKind.AFTER, text: value });
  }
}

/** Both must admit a document: of lists what is in both, of dates the narrower. */
export function bothFilters(a: DocumentCriteria, b: DocumentCriteria): DocumentCriteria {
  const list = <T>(x: T[] | null | undefined, y: T[] | null | undefined) => (x && y ? x.filter((value) => y.includes(value)) : (x ?? y));
  const later = (x: Date | null | undefined, y: Date | null | undefined) => (x && y ? (x > y ? x : y) : (x ?? y));
  const earlier = (x: Date | null | undefined, y: Date | null | undefined) => (x && y ? (x < y ? x : y) : (x ?? y));
  return {
    tags: list(a.tags, b.tags),
    sourceTypes: list(a.sourceTypes, b.sourceTypes),
    languages: list(a.languages, b.languages),
    mimeTypes: list(a.mimeTypes, b.mimeTypes),
    documentIds: list(a.documentIds, b.documentIds),
    from: later(a.from, b.from),
    to: earlier(a.to, b.to),
  };
}
