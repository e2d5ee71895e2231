import { type PlacedBlock } from './blocks.js';

export interface ChunkLimits {
  /** Model tokens, title and headings included. */
  maxTokens: number;
  /** Share of a chunk repeated at the start of the next one of the same section. */
  overlap: number;
  /** Model tokens of a piece of a chunk, which gets a vector of its own; 0 makes no pieces. */
  pieceTokens: number;
}

export interface TextChunk {
  ordinal: number;
  headingPath: string[];
  pageFrom: number | null;
  pageTo: number | null;
  charStart: number;
  charEnd: number;
  tokenCount: number;
  /** Ranges within the chunk, UTF-16 code units from its start; empty where it is one piece. */
  pieces: [number, number][];
}

interface Span {
  start: number;
  end: number;
  page: number | null;
  tokens: number;
}

interface Section {
  headingPath: string[];
  spans: Span[];
  /** Nothing but a heading. */
  isHeading: boolean;
}

/** Sections with less than this are read together with the one that follows. */
const smallestSection = 48;
const sentences = new Intl.Segmenter('ja', { granularity: 'sentence' });
const clauseEnd = /[、，,;；:：\s]/;

/**
 * Cuts a document into passages by headings and sentences, each a slice of the text. A sentence is never torn unless it
 * alone is longer than a passage may be.
 */
export function chunk(text: string, blocks: PlacedBlock[], title: string, limits: ChunkLimits, countTokens: (text: string) => number): TextChunk[] {
  const chunks: TextChunk[] = [];
  for (const section of mergeSmall(sections(text, blocks, countTokens))) {
    const prefix = countTokens([title, ...section.headingPath].join(' › ')) + 4;
    const budget = Math.max(limits.maxTokens - prefix, Math.ceil(limits.maxTokens / 2));
    const spans = section.spans.flatMap((span) => (span.tokens > budget ? tear(text, span, budget, countTokens) : [span]));
    for (const [from, to] of pack(spans, budget, limits.overlap)) {
      const part = spans.slice(from, to);
      const pages = part.flatMap((span) => span.page ?? []);
      chunks.push({
        ordinal: chunks.length,
        headingPath: section.headingPath,
        pageFrom: pages.length > 0 ? Math.min(...pages) : null,
        pageTo: pages.length > 0 ? Math.max(...pages) : null,
        charStart: part[0]!.start,
        charEnd: part.at(-1)!.end,
        tokenCount: part.reduce((sum, span) => sum + span.tokens, 0),
        pieces: piecesOf(part, limits.pieceTokens),
      });
    }
  }
  return chunks;
}

function sections(text: string, blocks: PlacedBlock[], countTokens: (text: string) => number): Section[] {
  const found: Section[] = [];
  const path: { level: number; text: string }[] = [];
  let open: Section | null = null;
  let heading: Span | null = null;
  const closeHeading = () => {
    // A heading with nothing under it would be lost: it becomes a section of its own, merged below.
    if (heading) found.push({ headingPath: path.slice(0, -1).map((entry) => entry.text), spans: [heading], isHeading: true });
    heading = null;
  };
  for (const block of blocks) {
    const content = text.slice(block.start, block.end);
    if (block.kind === 'heading') {
      closeHeading();
      open = null;
      while (path.length > 0 && path.at(-1)!.level >= block.level) path.pop();
      path.push({ level: block.level, text: content.replace(/\s+/g, ' ') });
      heading = { start: block.start, end: block.end, page: block.page, tokens: countTokens(content) };
      continue;
    }
    if (!open) {
      open = { headingPath: path.map((entry) => entry.text), spans: [], isHeading: false };
      found.push(open);
      heading = null;
    }
    for (const { segment, index } of sentences.segment(content)) {
      const lead = segment.length - segment.trimStart().length;
      const trimmed = segment.trim();
      if (trimmed === '') continue;
      const start = block.start + index + lead;
      open.spans.push({ start, end: start + trimmed.length, page: block.page, tokens: countTokens(trimmed) });
    }
  }
  closeHeading();
  return found.filter((section) => section.spans.length > 0);
}

const size = (section: Section) => section.spans.reduce((sum, span) => sum + span.tokens, 0);

function commonPath(a: string[], b: string[]): string[] {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length += 1;
  return a.slice(0, length);
}

/** A passage of a dozen words is found for nothing and answers nothing: tiny sections are joined to their neighbours. */
function mergeSmall(all: Section[]): Section[] {
  const merged: Section[] = [];
  for (const section of all) {
    const before = merged.at(-1);
    if (before && size(before) < smallestSection && size(section) < smallestSection * 4) {
      // A lone heading opens what follows: its passage keeps the headings that lead to it.
      before.headingPath = before.isHeading ? section.headingPath : commonPath(before.headingPath, section.headingPath);
      before.isHeading = before.isHeading && section.isHeading;
      before.spans.push(...section.spans);
    } else merged.push({ ...section, spans: [...section.spans] });
  }
  return merged;
}

/** Ranges of spans whose tokens fit the budget, each starting with the tail of the one before. */
function pack(spans: Span[], budget: number, overlap: number): [number, number][] {
  const ranges: [number, number][] = [];
  let from = 0;
  while (from < spans.length) {
    let to = from;
    let tokens = 0;
    while (to < spans.length && (to === from || tokens + spans[to]!.tokens <= budget)) tokens += spans[to++]!.tokens;
    ranges.push([from, to]);
    if (to >= spans.length) break;
    let next = to;
    let repeated = 0;
    while (next - 1 > from && repeated + spans[next - 1]!.tokens <= budget * overlap) repeated += spans[--next]!.tokens;
    // The next passage must bring something new.
    from = spans[to]!.tokens + repeated <= budget ? next : to;
  }
  return ranges;
}

/** Sentences of a chunk put together until a piece is full. */
function piecesOf(spans: Span[], pieceTokens: number): [number, number][] {
  if (pieceTokens === 0) return [];
  const origin = spans[0]!.start;
  const pieces: [number, number][] = [];
  let tokens = 0;
  for (const span of spans) {
    const last = pieces.at(-1);
    if (last && tokens + span.tokens <= pieceTokens) {
      last[1] = span.end - origin;
      tokens += span.tokens;
    } else {
      pieces.push([span.start - origin, span.end - origin]);
      tokens = span.tokens;
    }
  }
  return pieces.length > 1 ? pieces : [];
}

/** Tears a sentence longer than the budget, at clause ends where it can. */
function tear(text: string, span: Span, budget: number, countTokens: (text: string) => number): Span[] {
  const parts: Span[] = [];
  let start = span.start;
  while (start < span.end) {
    const rest = text.slice(start, span.end);
    const tokens = countTokens(rest);
    if (tokens <= budget) {
      parts.push({ start, end: span.end, page: span.page, tokens });
      break;
    }
    // Characters per token vary little within a sentence: an estimate, shrunk until it fits.
    let length = Math.max(1, Math.floor((rest.length * budget) / tokens));
    while (length > 1 && countTokens(rest.slice(0, length)) > budget) length = Math.floor(length * 0.9);
    for (let back = length; back > length * 0.6; back--) {
      if (clauseEnd.test(rest[back - 1]!)) {
        length = back;
        break;
      }
    }
    // Never between the two halves of a surrogate pair.
    if (/[\ud800-\udbff]/.test(rest[length - 1]!) && length < rest.length) length += 1;
    const piece = rest.slice(0, length);
    const trimmed = piece.trim();
    if (trimmed !== '') {
      const at = start + piece.indexOf(trimmed);
      parts.push({ start: at, end: at + trimmed.length, page: span.page, tokens: countTokens(trimmed) });
    }
    start += length;
  }
  return parts;
}
