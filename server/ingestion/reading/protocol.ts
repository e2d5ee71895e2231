import { type Format } from '../format.js';
import { type FullTextOfChunk } from '../full-text-of.js';
import { type DocumentFacts, type PlacedBlock } from './blocks.js';
import { type ChunkLimits, type TextChunk } from './chunker.js';

export interface ExtractTask {
  path: string;
  format: Format;
  url: string | null;
  archiveMaxBytes: number;
}

export interface ChunkTask {
  text: string;
  blocks: PlacedBlock[];
  title: string;
  limits: ChunkLimits;
  tokenizerFolder: string;
}

/** Both in one visit. */
export interface ReadTask extends ExtractTask, Pick<ChunkTask, 'limits' | 'tokenizerFolder'> {
  /** Title of the document where the text says none, or the operator's own. */
  title: string;
  titleEdited: boolean;
}

export type ReaderTask = ({ task: 'extract' } & ExtractTask) | ({ task: 'chunk' } & ChunkTask) | ({ task: 'read' } & ReadTask);

/** Messages between the server and the processes that read documents. */
export type ReaderRequest = { id: number } & ReaderTask;

/** A chunk with what the full-text index needs of it. */
export interface PreparedChunk extends TextChunk, FullTextOfChunk {
  text: string;
}

export interface ExtractReply {
  text: string;
  blocks: PlacedBlock[];
  facts: DocumentFacts;
}

export interface ReadReply {
  extracted: ExtractReply;
  chunks: PreparedChunk[];
}

export type ReaderResult = ExtractReply | PreparedChunk[] | ReadReply;

export type ReaderReply = { id: number; result: ReaderResult } | { id: number; failure: { code: string; message: string; remedy: string | null } };

/** A title an operator has set stands; otherwise the text's own, where it says one. */
export function titleOf(document: { title: string; titleEdited: boolean }, facts: Pick<DocumentFacts, 'title'>): string {
  return document.titleEdited || !facts.title ? document.title : facts.title;
}
