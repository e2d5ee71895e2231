import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Readable, Transform } from 'node:stream';
import { type ReadableStream } from 'node:stream/web';
import { createGunzip, createGzip } from 'node:zlib';
import { AppError } from '../platform/errors.js';
import { age } from './age.js';
import { type Key } from './keys.js';

export interface Sealed {
  /** Of the file as it lies there. */
  sha256: string;
  bytes: number;
  plainBytes: number;
  /** Of what it holds. */
  plainSha256: string;
}

/** Hashes and counts what passes. */
export function meter(): Transform & { sha256: () => string; bytes: () => number } {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return Object.assign(stream, { sha256: () => hash.digest('hex'), bytes: () => bytes });
}

const toWeb = (stream: Readable) => Readable.toWeb(stream) as unknown as globalThis.ReadableStream<Uint8Array>;
const fromWeb = (stream: globalThis.ReadableStream<Uint8Array>) => Readable.fromWeb(stream as unknown as ReadableStream);

/** Streams into a file: compressed, and encrypted where there is a key (age, https://age-encryption.org/v1). */
export async function seal(source: Readable, path: string, key: Key | null, signal: AbortSignal): Promise<Sealed> {
  const plain = meter();
  const stored = meter();
  const file = createWriteStream(path, { mode: 0o600, flush: true });
  const compressed = createGzip();
  if (!key) await pipeline(source, plain, compressed, stored, file, { signal });
  else {
    const { Encrypter } = await age();
    const encrypter = new Encrypter();
    encrypter.addRecipient(key.recipient);
    const encrypted = fromWeb(await encrypter.encrypt(toWeb(compressed)));
    await Promise.all([pipeline(source, plain, compressed, { signal }), pipeline(encrypted, stored, file, { signal })]);
  }
  return { sha256: stored.sha256(), bytes: stored.bytes(), plainBytes: plain.bytes(), plainSha256: plain.sha256() };
}

/**
 * What a sealed file holds. The stream fails where the file is not what was written; its hash tells so beforehand.
 * @throws AppError BAD_USER_INPUT where the key is not that of the file
 */
export async function unseal(path: string, key: Key | null): Promise<Readable> {
  const file = createReadStream(path);
  if (!key) return chained(file, createGunzip());
  const { Decrypter } = await age();
  const decrypter = new Decrypter();
  decrypter.addIdentity(key.identity);
  try {
    return chained(fromWeb(await decrypter.decrypt(toWeb(file))), createGunzip());
  } catch {
    file.destroy();
    throw new AppError(
      'BAD_USER_INPUT',
      { en: 'The key does not open this backup.', ja: 'この鍵ではバックアップを開けません。' },
      {
        en: 'Set BACKUP_PASSPHRASE or BACKUP_KEY_FILE to what it was written with.',
        ja: 'BACKUP_PASSPHRASE か BACKUP_KEY_FILE を書き込み時のものにしてください。',
      },
    );
  }
}

/** A failure at the source is one of the result. */
function chained(source: Readable, last: Transform): Readable {
  pipeline(source, last).catch((error: unknown) => last.destroy(error as Error));
  return last;
}

/** Hash and size of a file. */
export async function hashOf(path: string, signal: AbortSignal): Promise<{ sha256: string; bytes: number }> {
  const measured = meter();
  measured.resume();
  await pipeline(createReadStream(path), measured, { signal });
  return { sha256: measured.sha256(), bytes: measured.bytes() };
}
