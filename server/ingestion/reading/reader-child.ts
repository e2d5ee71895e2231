import { readFile } from 'node:fs/promises';
import { loadTokenizer, type PreTrainedTokenizer } from '../../platform/tokenizer/index.js';
import { fullTextOf } from '../full-text-of.js';
import { corrupt, noText, place, type Reading, ReadingError } from './blocks.js';
import { chunk } from './chunker.js';
import { languageOf } from './language.js';
import {
  type ChunkTask,
  type ExtractReply,
  type ExtractTask,
  type PreparedChunk,
  type ReaderReply,
  type ReaderRequest,
  type ReaderResult,
  type ReadReply,
  type ReadTask,
  titleOf,
} from './protocol.js';

const wordCharacter = /[\p{Letter}\p{Number}]/u;
const tokenizers = new Map<string, Promise<PreTrainedTokenizer>>();

/** Readers are loaded when first needed: a process that reads text never pays for pdf.js. */
async function read(request: ExtractTask): Promise<Reading> {
  const bytes = await readFile(request.path);
  switch (request.format) {
    case 'pdf':
      return (await import('./read-pdf.js')).readPdf(new Uint8Array(bytes));
    case 'docx':
      return (await import('./read-docx.js')).readDocx(bytes, request.archiveMaxBytes);
    case 'html':
      return (await import('./read-html.js')).readHtml(bytes, request.url);
    case 'markdown':
      return (await import('./read-markdown.js')).readMarkdown(bytes);
    case 'text':
      return (await import('./read-text.js')).readText(bytes);
  }
}

async function extract(request: ExtractTask): Promise<ExtractReply> {
  const reading = await read(request);
  const placed = place(reading.blocks);
  if (!wordCharacter.test(placed.text)) throw noText('The document');
  const title = reading.facts.title?.normalize('NFKC').replace(/\s+/g, ' ').trim().slice(0, 1000) || null;
  return { ...placed, facts: { ...reading.facts, title, language: reading.facts.language ?? languageOf(placed.text) } };
}

function tokenizerIn(folder: string): Promise<PreTrainedTokenizer> {
  const known = tokenizers.get(folder);
  if (known) return known;
  const loaded = loadTokenizer(folder);
  tokenizers.set(folder, loaded);
  return loaded;
}

async function prepare(request: ChunkTask): Promise<PreparedChunk[]> {
  const tokenizer = await tokenizerIn(request.tokenizerFolder);
  const countTokens = (text: string) => tokenizer.encode(text, null, { add_special_tokens: false }).length;
  return chunk(request.text, request.blocks, request.title, request.limits, countTokens).map((part) => {
    const text = request.text.slice(part.charStart, part.charEnd);
    return { ...part, text, ...fullTextOf(request.title, part.headingPath, text) };
  });
}

async function extractAndPrepare(request: ReadTask): Promise<ReadReply> {
  const extracted = await extract(request);
  const { text, blocks, facts } = extracted;
  return { extracted, chunks: await prepare({ ...request, text, blocks, title: titleOf(request, facts) }) };
}

function work(request: ReaderRequest): Promise<ReaderResult> {
  switch (request.task) {
    case 'extract':
      return extract(request);
    case 'chunk':
      return prepare(request);
    case 'read':
      return extractAndPrepare(request);
  }
}

function failureOf(error: unknown): { code: string; message: string; remedy: string | null } {
  const reason = error instanceof ReadingError ? error : corrupt('The document', error instanceof Error ? error.message : String(error));
  return { code: reason.code, message: reason.message, remedy: reason.remedy };
}

function send(reply: ReaderReply): void {
  process.send?.(reply);
}

process.on('message', (request: ReaderRequest) => {
  work(request).then(
    (result) => send({ id: request.id, result }),
    (error: unknown) => send({ id: request.id, failure: failureOf(error) }),
  );
});
// The parent is gone, however it ended: nobody waits for an answer.
process.on('disconnect', () => process.exit(0));
// pdf.js rejects promises nobody holds; the request's own promise tells whether it could be read.
process.on('unhandledRejection', () => undefined);
send({ id: 0, result: [] });
