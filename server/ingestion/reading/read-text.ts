import { type Block, type Reading } from './blocks.js';
import { decodeText } from './encoding.js';
import { headingLevel } from './headings.js';

const longestTitle = 120;
const sentenceEnd = /[。．.!！、,;；:：]$/;

/** A short first line that stands alone and is no sentence. */
function titleOf(paragraphs: string[]): string | null {
  const first = paragraphs[0]?.trim() ?? '';
  const isTitle = paragraphs.length > 1 && first.length > 1 && first.length <= longestTitle && !first.includes('\n') && !sentenceEnd.test(first);
  return isTitle ? first : null;
}

/** Plain text: paragraphs by blank lines, headings by their numbering, a title where the first line looks like one. */
export function readText(bytes: Uint8Array): Reading {
  const { text } = decodeText(bytes);
  const paragraphs = text
    .replace(/\r\n?/g, '\n')
    .split(/\n\s*\n/)
    .filter((paragraph) => paragraph.trim() !== '');
  const title = titleOf(paragraphs);
  const body = title === null ? paragraphs : paragraphs.slice(1);
  const blocks: Block[] = title === null ? [] : [{ kind: 'heading', level: 1, text: title, page: null }];
  blocks.push(...body.flatMap((paragraph) => splitHeadings(paragraph.split('\n'), null)));
  return { blocks, facts: { title, author: null, pageCount: null, publishedAt: null, extraction: null } };
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
