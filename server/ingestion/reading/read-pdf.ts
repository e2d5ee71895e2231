import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { InvalidPDFException, PasswordException, PDFParse, VerbosityLevel } from 'pdf-parse';
import { type Block, corrupt, noText, type Reading, ReadingError } from './blocks.js';
import { headingLevel } from './headings.js';
import { formText, type PdfPage, repairGlyphs } from './pdf-page.js';
import { splitHeadings } from './read-text.js';

const pdfjs = dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json'));
/** A path, not an address: in Node, pdf.js reads these folders as files. */
const folder = (name: string) => join(pdfjs, name, '/');
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー々、。]$/u;
const unspacedStart = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー々、。]/u;
const paragraphEnd = /[。．!?！？」』:：]$/;
const wordCharacter = /[\p{Letter}\p{Number}]/u;

/** A word divided at the end of a line. */
const divided = /(\p{Lowercase_Letter})-\n(?=\p{Lowercase_Letter})/gu;

/** Joins the lines that a Japanese paragraph was broken into and words divided at a line's end, so that they can be found. */
function unwrap(text: string): string[] {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .join('\n')
    .replace(divided, '$1')
    .split('\n');
  const widest = lines.reduce((width, line) => Math.max(width, line.length), 0);
  const joined: string[] = [];
  for (const line of lines) {
    const before = joined.at(-1);
    const continues =
      before !== undefined &&
      unspaced.test(before) &&
      unspacedStart.test(line) &&
      !paragraphEnd.test(before) &&
      (lastLineLength(before, widest) || widest < 12) &&
      headingLevel(before.normalize('NFKC')) === 0 &&
      headingLevel(line.normalize('NFKC')) === 0;
    if (continues) joined[joined.length - 1] = before + line;
    else joined.push(line);
  }
  return joined;
}

/** A line well short of the widest one ends a paragraph or stands alone. */
const lastLineLength = (line: string, widest: number) => line.length >= widest * 0.7;

interface OutlineNode {
  title: string;
  items?: OutlineNode[];
}

function outlineTitles(nodes: OutlineNode[] | null | undefined, level = 1, into = new Map<string, number>()): Map<string, number> {
  for (const node of nodes ?? []) {
    const title = comparable(node.title ?? '');
    if (title.length > 1 && !into.has(title)) into.set(title, level);
    if (level < 6) outlineTitles(node.items, level + 1, into);
  }
  return into;
}

/** Outlines number their entries differently from the page: only letters and digits behind the number count. */
function comparable(line: string): string {
  return line
    .normalize('NFKC')
    .replace(/^[\d.]+\s*/, '')
    .replace(/[^\p{Letter}\p{Number}]/gu, '')
    .toLowerCase();
}

/** Text by page with pdf.js; headings from the outline where there is one, and by their numbering. */
export async function readPdf(bytes: Uint8Array): Promise<Reading> {
  const parser = new PDFParse({
    data: bytes,
    cMapUrl: folder('cmaps'),
    cMapPacked: true,
    standardFontDataUrl: folder('standard_fonts'),
    wasmUrl: folder('wasm'),
    verbosity: VerbosityLevel.ERRORS,
    isEvalSupported: false,
    disableFontFace: true,
    fontExtraProperties: true,
  });
  try {
    const result = await parser.getText({ pageJoiner: '', lineEnforce: true, parseHyperlinks: false });
    const info = await parser.getInfo().catch(() => null);
    const outline = outlineTitles(info?.outline as OutlineNode[] | null);
    const isHeading = (line: string) => headingLevel(line) || (line.length <= 120 && outline.get(comparable(line))) || 0;
    const blocks: Block[] = [];
    for (const page of result.pages) {
      const source = await pageOf(parser, page.num);
      const text = await repairGlyphs(source, page.text);
      blocks.push(...text.split(/\n\s*\n/).flatMap((paragraph) => splitHeadings(unwrap(paragraph), page.num, isHeading)));
      // A form without a word of its own is as good as an empty page.
      const filledIn = wordCharacter.test(text) ? await formText(source) : [];
      if (filledIn.length > 0) blocks.push({ kind: 'text', level: 0, text: filledIn.join('\n'), page: page.num });
      source.cleanup();
    }
    if (!blocks.some((block) => wordCharacter.test(block.text))) throw noText('The PDF');
    const facts = info?.info as { Title?: unknown; Author?: unknown } | undefined;
    const created = info?.getDateNode().CreationDate ?? null;
    return {
      blocks,
      facts: {
        title: textFact(facts?.Title),
        author: textFact(facts?.Author),
        pageCount: result.total,
        publishedAt: created && !Number.isNaN(created.getTime()) ? created.toISOString() : null,
        extraction: null,
      },
    };
  } catch (error) {
    throw explained(error);
  } finally {
    await parser.destroy().catch(() => undefined);
  }
}

/** pdf-parse keeps the document it has opened to itself; opening it a second time would cost as much as reading it. */
async function pageOf(parser: PDFParse, number: number): Promise<PdfPage & { cleanup(): void }> {
  const { doc } = parser as unknown as { doc: { getPage(number: number): Promise<PdfPage & { cleanup(): void }> } };
  return doc.getPage(number);
}

/** Many programs leave their own name or a temporary file's name as the title. */
function textFact(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const text = value.normalize('NFKC').trim();
  if (text.length < 2 || /^(untitled|無題|microsoft word - |.*\.(docx?|pdf|tex|dvi|indd|ai|pptx?|xlsx?)$)/i.test(text)) return null;
  return wordCharacter.test(text) ? text : null;
}

function explained(error: unknown): Error {
  if (error instanceof ReadingError) return error;
  if (error instanceof PasswordException)
    return new ReadingError('ENCRYPTED', 'The PDF opens only with a password.', 'Save a copy without the password and upload that.');
  if (error instanceof InvalidPDFException) return corrupt('The PDF', error.message);
  return corrupt('The PDF', error instanceof Error ? error.message : String(error));
}
