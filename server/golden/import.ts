import { parse } from 'csv-parse/sync';
import { badInput, messageOf } from '../platform/errors.js';
import { type Saying } from '../platform/saying.js';

export interface ImportedQuery {
  /** Line in the file, from 1. */
  line: number;
  query: string;
  /** Ids, file names, addresses or titles of documents. */
  expected: string[];
}

/** What a file holds, and what of it cannot be read. */
export interface ImportedFile {
  queries: ImportedQuery[];
  problems: Saying[];
}

/**
 * `query,expected` with a header; several expected documents are divided by `|`.
 * @throws AppError BAD_USER_INPUT where it is not CSV or lacks the columns; a row without a field is a problem of its own
 */
export function readCsv(content: string): ImportedFile {
  let rows: { info: { lines: number }; record: Record<string, string | undefined> }[];
  let columns: string[] = [];
  try {
    rows = parse(content, {
      bom: true,
      columns: (names: string[]) => (columns = names.map((name) => name.trim().toLowerCase())),
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
  if (rows.length === 0 || !columns.includes('query') || !columns.includes('expected'))
    throw badInput(
      {
        en: 'The first line does not name the columns query and expected, or no line follows it.',
        ja: '先頭行に query と expected の列名がないか、続く行がありません。',
      },
      { en: 'Begin the file with "query,expected".', ja: '先頭行を「query,expected」としてください。' },
    );
  const queries = rows.map(({ info, record }) => ({
    line: info.lines,
    query: record['query'] ?? '',
    expected: split((record['expected'] ?? '').split('|')),
  }));
  return { queries, problems: [] };
}

/**
 * One object a line: {"query": "…", "expected": ["…"]}.
 * @throws AppError BAD_USER_INPUT where no line can be read; else a line that cannot be read is a problem of its own
 */
export function readJsonLines(content: string): ImportedFile {
  const problems: Saying[] = [];
  const queries = content
    .replace(/^\u{feff}/u, '')
    .split('\n')
    .flatMap((text, index) => {
      if (text.trim() === '') return [];
      const line = index + 1;
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        problems.push({ en: `Line ${line} is not JSON.`, ja: `${line} 行目が JSON ではありません。` });
        return [];
      }
      const { query, expected } = (value ?? {}) as { query?: unknown; expected?: unknown };
      if (typeof query !== 'string' || !Array.isArray(expected)) {
        problems.push({ en: `Line ${line} has no query or no list of expected documents.`, ja: `${line} 行目に query か expected の一覧がありません。` });
        return [];
      }
      return [{ line, query: query.trim(), expected: split(expected.map(String)) }];
    });
  const [first] = problems;
  if (first && queries.length === 0)
    throw badInput(first, {
      en: 'Write one object a line: {"query": "…", "expected": ["…"]}.',
      ja: '1 行に 1 件ずつ {"query": "…", "expected": ["…"]} と書いてください。',
    });
  return { queries, problems };
}

const split = (list: string[]) => [...new Set(list.map((one) => one.trim()).filter(Boolean))];
