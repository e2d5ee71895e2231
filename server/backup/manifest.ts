import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type ChunkingLimits } from '../documents/index.js';
import { type Saying } from '../platform/saying.js';

/** FULL: everything. DATABASE: all but the vectors, which can be made again. VECTORS, CONFIG: these alone. LIBRARY: documents for another installation. */
export const backupKinds = ['FULL', 'DATABASE', 'VECTORS', 'CONFIG', 'LIBRARY'] as const;
export type BackupKind = (typeof backupKinds)[number];

export type PartName = 'database' | 'library' | 'originals' | 'vectors' | 'settings' | 'samples';

/** A file of a backup, compressed and, where a key is set, encrypted. */
export interface Part {
  name: PartName;
  /** Name within the backup's folder. */
  file: string;
  /** Hash and size of the file as it lies there. */
  sha256: string;
  bytes: number;
  /** Size of what it holds. */
  plainBytes: number;
}

/** A question with what the live system answered right after the data was taken. */
export interface Sample {
  query: string;
  documentIds: string[];
}

export interface Counts {
  documents: number;
  chunks: number;
  vectors: number;
  goldenQueries: number;
  originals: number;
}

export interface Manifest {
  format: 1;
  id: string;
  kind: BackupKind;
  /** When the data was taken. */
  createdAt: string;
  tookMs: number;
  /** Version of the product. */
  version: string;
  /** Migrations the database had, oldest first. */
  schema: string[];
  dialect: 'sqlite' | 'postgres' | null;
  /** Embedding model that answered. */
  model: string | null;
  /** How the passages that answered were cut. */
  limits?: ChunkingLimits | undefined;
  counts: Counts;
  parts: Part[];
  /** Originals in the shared folder: all that the backup needs, and what this run added. */
  objects: { count: number; bytes: number; newCount: number; newBytes: number };
  /** Originals that were gone already when the data was taken, by hash. */
  missing: string[];
  /** Key the files are encrypted with; `wrapped` is that key under the passphrase. */
  encryption: { keyId: string; wrapped: string | null } | null;
  /** Empty where the backup is encrypted: they are a part of it then. */
  samples: Sample[];
  /** Questions that were put: of a backup with questions and no answers nothing can be compared. */
  asked?: number;
  /** Passages that answered and had no vector when they were saved. */
  withoutVectors?: number;
  /** Nothing was written between the data and the answers of the samples: they must be given exactly. */
  quiet: boolean;
}

/** What has been found out about a backup since it was written. */
export interface BackupStatus {
  state: 'GOOD' | 'BAD';
  checkedAt: string;
  problems: Saying[];
  proof: Proof | null;
  /** When a copy was put into the object storage. */
  copiedAt: string | null;
}

/** A restore that was tried: into an empty folder, opened by a server of its own, compared with what was saved. */
export interface Proof {
  at: string;
  tookMs: number;
  ok: boolean;
  /** Questions asked, and the share of the saved answers that came back, 0..1. */
  queries: number;
  agreement: number;
  /** Most memory that the process of the proof has had, and its vector store, bytes. */
  peakMemoryBytes: number;
  vectorStoreBytes: number;
  problems: Saying[];
}

/** When the data was taken, what was saved, and a number that tells apart what was begun in the same second. */
export const backupId = /^\d{8}T\d{6}Z-[a-z]+-[0-9a-f]{4}$/;

const count = z.number().int().nonnegative();
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const manifestSchema = z.object({
  format: z.literal(1),
  id: z.string().regex(backupId),
  kind: z.enum(backupKinds),
  createdAt: z.iso.datetime(),
  tookMs: z.number(),
  version: z.string(),
  schema: z.array(z.string()),
  dialect: z.enum(['sqlite', 'postgres']).nullable(),
  model: z.string().nullable(),
  limits: z.object({ maxTokens: count, overlap: z.number(), pieceTokens: count }).optional(),
  counts: z.object({ documents: count, chunks: count, vectors: count, goldenQueries: count, originals: count }),
  parts: z.array(
    z.object({
      name: z.enum(['database', 'library', 'originals', 'vectors', 'settings', 'samples']),
      file: z.string().regex(/^(database|library|originals|vectors|settings|samples)\.[a-z0-9.]+$/),
      sha256: hash,
      bytes: count,
      plainBytes: count,
    }),
  ),
  objects: z.object({ count, bytes: count, newCount: count, newBytes: count }),
  missing: z.array(hash),
  encryption: z.object({ keyId: z.string().regex(/^[0-9a-f]{16}$/), wrapped: z.string().nullable() }).nullable(),
  asked: count.optional(),
  withoutVectors: count.optional(),
  samples: z.array(z.object({ query: z.string(), documentIds: z.array(z.string()) })),
  quiet: z.boolean(),
});

/** Whether it is a manifest, every name in which stays within the folder of backups: an archive may come from anybody. */
export const isSafe = (manifest: unknown): manifest is Manifest => manifestSchema.safeParse(manifest).success;

/** Path of an original below `objects/<key>`. */
export const isObject = (name: string) => /^[0-9a-f]{2}\/[0-9a-f]{64}-[0-9a-f]{64}$/.test(name);

export const manifestFile = 'manifest.json';
export const statusFile = 'status.json';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** A record with its own hash below it, so that a byte changed anywhere shows. */
export function toRecord(value: object): string {
  const line = JSON.stringify(value);
  return `${line}\n${sha256(line)}\n`;
}

/** @returns null where a byte of it is not what was written */
export function fromRecord<T>(text: string): T | null {
  const line = text.slice(0, Math.max(0, text.indexOf('\n')));
  return text === `${line}\n${sha256(line)}\n` ? (JSON.parse(line) as T) : null;
}
