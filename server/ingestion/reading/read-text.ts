import { type Block, type Reading } from './blocks.js';
import { decodeText } from './encoding.js';
import { headingLevel } from './headings.js';

/** Plain text: paragraphs by blank lines, headings by their numbering. */
export function readText(bytes: Uint8Array): Reading {
  const { text } = decodeText(bytes);
  const blocks = text
    .replace(/\r\n?/g, '\n')
    .split(/\n\s*\n/)
    .flatMap((paragraph) => splitHeadings(paragraph.split('\n'), null));
  return { blocks, facts: { title: null, author: null, pageCount: null, publishedAt: null, extraction: null } };
}

/** Lines as blocks: a heading ends the text before it. */
export function splitHeadings(lines: string[], page: number | null, isHeading: (line: string) => number = headingLevel): Block[] {
  const blocks: Block[] = [];
  let open: string[] = [];
  const flush = () => {
    if (open.some((line) => line.trim() !== '')) blocks.push({ kind: 'text', level: 0, text: open.join('\n'), page });
    open = [];
  };
  for (const line of lines) {
    const level = isHeading(line.normalize('NFKC').trim());
    if (level === 0) {
      open.push(line);
      continue;
    }
    flush();
    blocks.push({ kind: 'heading', level, text: line, page });
  }
  flush();
  return blocks;
}
