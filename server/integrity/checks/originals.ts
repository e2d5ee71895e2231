import { createHash } from 'node:crypto';
import { otherMimeType } from '../../ingestion/index.js';
import { messageOf } from '../../platform/errors.js';
import { type Damage } from '../damage.js';
import { type Check, quoted, select } from './check.js';

interface Original {
  id: string;
  sha256: string;
  live_key: string | null;
  size_bytes: number | string;
  mime_type: string;
  source_type: string;
  file_name: string | null;
}

const keyStart = 'sha256:';
/** The hash that the key of a document tells; null where it has another kind of key. */
const hashOfKey = (key: string | null) => (key?.startsWith(keyStart) ? key.slice(keyStart.length) : null);

/** Files read side by side: opening one takes longer than hashing it. */
const readAtOnce = 8;

/** Originals by their hash, in both directions. */
export const originals: Check = async (stores, signal) => {
  const { blobs } = stores;
  const found: Damage[] = [];
  const rows = await select<Original>(
    stores,
    'SELECT id, sha256, live_key, size_bytes, mime_type, source_type, file_name FROM documents WHERE sha256 IS NOT NULL',
  );
  const look = async ({ id, sha256, live_key: key, size_bytes: size, ...row }: Original): Promise<void> => {
    signal.throwIfAborted();
    if (hashOfKey(key) !== null && hashOfKey(key) !== sha256) {
      found.push({ kind: 'DOCUMENT_ALTERED', documentId: id, subject: id, message: 'The document names another original than the one it was made of.' });
      return;
    }
    if (!blobs.exists(sha256)) {
      found.push({ kind: 'ORIGINAL_MISSING', documentId: id, subject: sha256, message: 'The original is gone. Upload it again, or restore it from a backup.' });
      return;
    }
    const hash = createHash('sha256');
    let bytes = 0;
    let head = Buffer.alloc(0);
    try {
      for await (const part of blobs.read(sha256)) {
        if (bytes === 0) head = part as Buffer<ArrayBuffer>;
        hash.update(part as Buffer);
        bytes += (part as Buffer).length;
      }
    } catch (error) {
      found.push({ kind: 'ORIGINAL_ALTERED', documentId: id, subject: sha256, message: `The original cannot be read: ${messageOf(error)}` });
      return;
    }
    if (hash.digest('hex') !== sha256) {
      found.push({
        kind: 'ORIGINAL_ALTERED',
        documentId: id,
        subject: sha256,
        message: 'The original holds other bytes than were uploaded. Upload it again, or restore it from a backup.',
      });
      return;
    }
    if (bytes !== Number(size)) found.push({ kind: 'DOCUMENT_ALTERED', documentId: id, subject: id, message: `The original has ${bytes} bytes, not ${size}.` });
    // What a page is said to be is the site's word; a file tells it itself.
    const other = row.source_type === 'FILE' ? await otherMimeType(row.mime_type, { path: blobs.path(sha256), head, name: row.file_name ?? '' }) : null;
    if (other) found.push({ kind: 'DOCUMENT_ALTERED', documentId: id, subject: id, message: `The original is ${other}, not ${row.mime_type}.` });
  };
  for (let at = 0; at < rows.length; at += readAtOnce) await Promise.all(rows.slice(at, at + readAtOnce).map(look));
  const known = new Set(rows.flatMap(({ sha256, live_key: key }) => [sha256, hashOfKey(key)]));
  const strangers = (await blobs.list()).filter((sha256) => !known.has(sha256));
  // One that arrived while the others were read is known by now.
  for (const sha256 of strangers) {
    const [row] = await select(stores, `SELECT id FROM documents WHERE sha256 = ${quoted(sha256)}`);
    if (!row)
      found.push({ kind: 'ORIGINAL_ORPHAN', documentId: null, subject: sha256, message: 'A file lies among the originals that no document refers to.' });
  }
  return found;
};
