import { type Format } from '../format.js';
import { type DocumentFacts, type PlacedBlock } from './blocks.js';
import { type ChunkLimits, type TextChunk } from './chunker.js';

/** Messages between the server and the processes that read documents. */
export type ReaderRequest =
  | { id: number; task: 'extract'; path: string; format: Format; url: string | null; archiveMaxBytes: number }
  | { id: number; task: 'chunk'; text: string; blocks: PlacedBlock[]; title: string; limits: ChunkLimits; tokenizerFolder: string };

export type ReaderTask = ReaderRequest extends infer Request ? (Request extends { id: number } ? Omit<Request, 'id'> : never) : never;

/** A chunk with what the full-text index needs of it. */
export interface PreparedChunk extends TextChunk {
  text: string;
  terms: string[];
  packedTerms: Uint8Array;
  termCount: number;
}

export interface ExtractReply {
  text: string;
  blocks: PlacedBlock[];
  facts: DocumentFacts;
}

export type ReaderReply =
  { id: number; result: ExtractReply | PreparedChunk[] } | { id: number; failure: { code: string; message: string; remedy: string | null } };
