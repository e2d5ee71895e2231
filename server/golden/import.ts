import { parse } from 'csv-parse/sync';
import { badInput, messageOf } from '../platform/errors.js';

export interface ImportedQuery {
  /** Line in the file, from 1. */
  line: number;
  query: string;
  /** Ids, file names, addresses or titles of documents. */
  expected: string[];
}

/** `query,expected` with a header; several expected documents are divided by `|`. */
export function readCsv(content: string): ImportedQuery[] {
  let rows: { info: { lines: number }; record: Record<string, string | undefined> }[];
  try {
    rows = parse(content, {
      bom: true,
      columns: (names: string[]) => names.map((name) => name.trim().toLowerCase()),
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    });
  } catch (error) {
    throw badInput(
      { en: `The file is not CSV: ${messageOf(error)}`, ja: `CSV として読めません: ${messageOf(error)}` },
      {
        en: 'Begin it with "query,expected" and put fields that hold commas in quotes.',
        ja: '先頭行を「query,expected」とし、カンマを含む項目は引用符で囲んでください。',
      },
    );
  }
  const [first] = rows;
  if (!first || first.record['query'] === undefined || first.record['expected'] === undefined)
    throw badInput(
      {
        en: 'The first line does not name the columns query and expected, or no line follows it.',
        ja: '先頭行に query と expected の列名がないか、続く行がありません。',
      },
      { en: 'Begin the file with "query,expected".', ja: '先頭行を「query,expected」としてください。' },
    );
  return rows.map(({ info, record }) => ({ line: info.lines, query: record['query'] ?? '', expected: split((record['expected'] ?? '').split('|')) }));
}

/** One object a line: {"query": "…", "expected": ["…"]}. */
export function readJsonLines(content: string): ImportedQuery[] {
  return content
    .replace(/^\u{feff}/u, '')
    .split('\n')
    .flatMap((text, index) => {
      if (text.trim() === '') return [];
      const line = index + 1;
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        throw badInput(
          { en: `Line ${line} is not JSON.`, ja: `${line} 行目が JSON ではありません。` },
          {
            en: 'Write one object a line: {"query": "…", "expected": ["…"]}.',
            ja: '1 行に 1 件ずつ {"query": "…", "expected": ["…"]} と書いてください。',
          },
        );
      }
      const { query, expected } = (value ?? {}) as { query?: unknown; expected?: unknown };
      if (typeof query !== 'string' || !Array.isArray(expected))
        throw badInput(
          { en: `Line ${line} has no query or no list of expected documents.`, ja: `${line} 行目に query か expected の一覧がありません。` },
          { en: 'Write {"query": "…", "expected": ["…"]}.', ja: '{"query": "…", "expected": ["…"]} と書いてください。' },
        );
      return [{ line, query: query.trim(), expected: split(expected.map(String)) }];
    });
}

const split = (list: string[]) => [...new Set(list.map((one) => one.trim()).filter(Boolean))];
