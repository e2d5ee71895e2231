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
    throw badInput(`The file is not CSV: ${messageOf(error)}`, 'Begin it with "query,expected" and put fields that hold commas in quotes.');
  }
  const [first] = rows;
  if (!first || first.record['query'] === undefined || first.record['expected'] === undefined)
    throw badInput('The first line does not name the columns query and expected, or no line follows it.', 'Begin the file with "query,expected".');
  return rows.map(({ info, record }) => ({ line: info.lines, query: record['query'] ?? '', expected: split((record['expected'] ?? '').split('|')) }));
}

/** One object a line: {"query": "…", "expected": ["…"]}. */
export function readJsonLines(content: string): ImportedQuery[] {
  return content.split('\n').flatMap((text, index) => {
    if (text.trim() === '') return [];
    const line = index + 1;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw badInput(`Line ${line} is not JSON.`, 'Write one object a line: {"query": "…", "expected": ["…"]}.');
    }
    const { query, expected } = (value ?? {}) as { query?: unknown; expected?: unknown };
    if (typeof query !== 'string' || !Array.isArray(expected))
      throw badInput(`Line ${line} has no query or no list of expected documents.`, 'Write {"query": "…", "expected": ["…"]}.');
    return [{ line, query: query.trim(), expected: split(expected.map(String)) }];
  });
}

const split = (list: string[]) => [...new Set(list.map((one) => one.trim()).filter(Boolean))];
