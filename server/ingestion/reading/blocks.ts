/** A paragraph, heading, list or table of a document, in reading order. */
export interface Block {
  kind: 'heading' | 'text';
  /** 1 for the outermost heading; 0 for text. */
  level: number;
  text: string;
  /** From 1; null where the format has no pages. */
  page: number | null;
}

/** A block's place in the document's text, UTF-16 code units. */
export interface PlacedBlock {
  kind: 'heading' | 'text';
  level: number;
  page: number | null;
  start: number;
  end: number;
}

export interface DocumentFacts {
  title: string | null;
  author: string | null;
  /** ISO 639-1 */
  language: string | null;
  pageCount: number | null;
  /** ISO 8601 */
  publishedAt: string | null;
  extraction: string | null;
}

export interface Reading {
  blocks: Block[];
  facts: Omit<DocumentFacts, 'language'> & { language?: string | null };
}

/** What reading a document yields, and what is kept between the stages. */
export interface ExtractedDocument {
  text: string;
  blocks: PlacedBlock[];
  facts: DocumentFacts;
}

/** A reason why a document cannot be read, in words for its owner. */
export class ReadingError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly remedy: string | null,
  ) {
    super(message);
  }
}

export const noText = (what: string) =>
  new ReadingError('NO_TEXT', `${what} holds no text that can be read.`, 'If it is a scan, run text recognition (OCR) on it first and upload the result.');
export const corrupt = (what: string, detail: string) =>
  new ReadingError('CORRUPT', `${what} is damaged: ${detail}.`, 'Open it in the program it comes from, save it again and upload that.');

/** NFKC, with white space that has no meaning taken out. */
export function tidy(text: string): string {
  return (
    text
      .normalize('NFKC')
      // eslint-disable-next-line no-control-regex -- control characters are what is removed
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufeff\ufffe\uffff\u00ad\u200b]/g, '')
      .replace(/[^\S\n]+/g, ' ')
      .replace(/ ?\n ?/g, '\n')
      .replace(/\n{3,}/g, '\n\n')
      // A lone surrogate cannot be stored as UTF-8.
      .toWellFormed()
      .trim()
  );
}

const separator = '\n\n';

/** Joins blocks to the document's text and notes where each one lies. */
export function place(blocks: Block[]): { text: string; blocks: PlacedBlock[] } {
  const parts: string[] = [];
  const placed: PlacedBlock[] = [];
  let at = 0;
  for (const block of blocks) {
    const text = tidy(block.text);
    if (text === '') continue;
    if (parts.length > 0) at += separator.length;
    parts.push(text);
    placed.push({ kind: block.kind, level: block.level, page: block.page, start: at, end: at + text.length });
    at += text.length;
  }
  return { text: parts.join(separator), blocks: placed };
}
