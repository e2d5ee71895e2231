import { createHash } from 'node:crypto';
import { messageOf } from '../../platform/errors.js';
import { type Damage } from '../damage.js';
import { type Check, quoted, select } from './check.js';

interface Original {
  id: string;
  sha256: string;
}

/** Files read side by side: opening one takes longer than hashing it. */
const readAtOnce = 8;

/** Originals by their hash, in both directions. */
export const originals: Check = async (stores, signal) => {
  const { blobs } = stores;
  const found: Damage[] = [];
  const rows = await select<Original>(stores, 'SELECT id, sha256 FROM documents WHERE sha256 IS NOT NULL');
  const look = async ({ id, sha256 }: Original): Promise<void> => {
    signal.throwIfAborted();
    if (!blobs.exists(sha256)) {
      found.push({ kind: 'ORIGINAL_MISSING', documentId: id, subject: sha256, message: 'The original is gone. Upload it again, or restore it from a backup.' });
      return;
    }
    const hash = createHash('sha256');
    try {
      for await (const part of blobs.read(sha256)) hash.update(part as Buffer);
    } catch (error) {
      found.push({ kind: 'ORIGINAL_ALTERED', documentId: id, subject: sha256, message: `The original cannot be read: ${messageOf(error)}` });
      return;
    }
    if (hash.digest('hex') !== sha256)
      found.push({
        kind: 'ORIGINAL_ALTERED',
        documentId: id,
        subject: sha256,
        message: 'The original holds other bytes than were uploaded. Upload it again, or restore it from a backup.',
      });
  };
  for (let at = 0; at < rows.length; at += readAtOnce) await Promise.all(rows.slice(at, at + readAtOnce).map(look));
  const known = new Set(rows.map(({ sha256 }) => sha256));
  const strangers = (await blobs.list()).filter((sha256) => !known.has(sha256));
  // One that arrived while the others were read is known by now.
  for (const sha256 of strangers) {
    const [row] = await select(stores, `SELECT id FROM documents WHERE sha256 = ${quoted(sha256)}`);
    if (!row)
      found.push({ kind: 'ORIGINAL_ORPHAN', documentId: null, subject: sha256, message: 'A file lies among the originals that no document refers to.' });
  }
  return found;
};
