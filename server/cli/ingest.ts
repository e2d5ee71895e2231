import { randomUUID } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client } from './client.js';

export interface IngestedFile {
  path: string;
  /** READY, FAILED, DUPLICATE or REFUSED. */
  outcome: 'READY' | 'FAILED' | 'DUPLICATE' | 'REFUSED';
  documentId: string | null;
  code: string | null;
  message: string | null;
}

export interface IngestOptions {
  tags: string[];
  /** Endings of files that are taken, lower case with the dot; empty takes all. */
  endings: string[];
  /** @param share 0..1 */
  onProgress: (text: string, share?: number) => void;
}

interface DocumentError {
  code: string;
  message: string;
}
interface UploadAnswer {
  uploadDocuments: {
    document: { id: string } | null;
    duplicateOf: { id: string; status: string } | null;
    job: { id: string } | null;
    error: DocumentError | null;
  }[];
}

const filesPerRequest = 25;
const documentsPerRequest = 50;
const pollMs = 250;
/** Without any progress for so long, the reason is asked for. */
const askedWhyMs = 2000;

const uploadMutation = `mutation Upload($files: [Upload!]!, $tags: [String!], $batchId: ID) {
  uploadDocuments(files: $files, tags: $tags, batchId: $batchId) { document { id } duplicateOf { id status } job { id } error { code message } }
}`;

/** Files under the paths, folders with all that is in them, in a stable order; hidden ones are left out. */
export async function filesUnder(paths: string[], endings: string[]): Promise<string[]> {
  const found: string[] = [];
  const walk = async (path: string, named: boolean): Promise<void> => {
    const entry = await stat(path);
    if (entry.isDirectory()) {
      for (const name of (await readdir(path)).sort()) if (!name.startsWith('.')) await walk(join(path, name), false);
      return;
    }
    if (!entry.isFile()) return;
    if (named || endings.length === 0 || endings.some((ending) => path.toLowerCase().endsWith(ending))) found.push(path);
  };
  for (const path of paths) await walk(path, true);
  return found;
}

/** Uploads files in groups and waits until each is found or has failed. */
export async function ingest(client: Client, files: string[], { tags, onProgress }: IngestOptions): Promise<IngestedFile[]> {
  const batchId = randomUUID();
  const results: IngestedFile[] = [];
  // Two files of the same bytes are one document.
  const waiting = new Map<string, IngestedFile[]>();
  for (let at = 0; at < files.length; at += filesPerRequest) {
    const part = files.slice(at, at + filesPerRequest);
    const blobs = await Promise.all(part.map(async (path) => ({ name: basename(path), content: await openAsBlob(path) })));
    const { uploadDocuments } = await client.upload<UploadAnswer>(uploadMutation, { tags, batchId }, blobs);
    uploadDocuments.forEach(({ document, duplicateOf, job, error }, index) => {
      const id = document?.id ?? duplicateOf?.id ?? null;
      const outcome = error ? 'REFUSED' : document ? 'READY' : 'DUPLICATE';
      const result: IngestedFile = { path: part[index]!, outcome, documentId: id, code: error?.code ?? null, message: error?.message ?? null };
      results.push(result);
      if (job && id) waiting.set(id, [...(waiting.get(id) ?? []), result]);
    });
    const sent = Math.min(files.length, at + filesPerRequest);
    onProgress(`sent ${sent} of ${files.length} files`, sent / files.length);
  }
  await settle(client, waiting, onProgress);
  return results;
}

interface IngestionHealth {
  health: { components: { name: string; status: string; message: string | null }[] };
}

/** What keeps documents from being taken in; null where nothing does. */
async function whyPaused(client: Client): Promise<string | null> {
  const { health } = await client.request<IngestionHealth>('query Pause { health { components { name status message } } }');
  const part = health.components.find(({ name, status }) => name === 'ingestion' && status !== 'HEALTHY');
  return part?.message ?? null;
}

async function settle(client: Client, waiting: Map<string, IngestedFile[]>, onProgress: IngestOptions['onProgress']): Promise<void> {
  const total = waiting.size;
  let advancedAt = Date.now();
  while (waiting.size > 0) {
    // The oldest are done first: a look at the head of the list tells all there is to tell.
    const ids = [...waiting.keys()].slice(0, documentsPerRequest);
    const fields = ids.map((id, index) => `d${index}: document(id: "${id}") { status error { code message } }`).join('\n');
    const found = await client.request<Record<string, { status: string; error: DocumentError | null } | null>>(`query Outcomes { ${fields} }`);
    const before = waiting.size;
    for (const [index, id] of ids.entries()) {
      const document = found[`d${index}`];
      const results = waiting.get(id)!;
      if (document && document.status !== 'READY' && document.status !== 'FAILED') continue;
      waiting.delete(id);
      if (document?.status === 'READY' && !document.error) continue;
      const { code, message } = document?.error ?? { code: 'NOT_FOUND', message: 'The document was deleted.' };
      for (const result of results) Object.assign(result, { outcome: 'FAILED', code, message } satisfies Partial<IngestedFile>);
    }
    if (waiting.size < before) advancedAt = Date.now();
    const pause = Date.now() - advancedAt > askedWhyMs ? await whyPaused(client) : null;
    if (pause) onProgress(pause);
    else onProgress(`read ${total - waiting.size} of ${total} documents`, (total - waiting.size) / total);
    if (waiting.size === before) await delay(pollMs);
  }
}
