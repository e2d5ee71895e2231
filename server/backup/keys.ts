import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../platform/errors.js';
import { age } from './age.js';
import { type Manifest } from './manifest.js';
import { passphraseIdentity, passphraseRecipient } from './passphrase.js';

/** An age key pair: everything is encrypted to `recipient` and opened by `identity`. */
export interface Key {
  id: string;
  identity: string;
  recipient: string;
  /** The identity under the passphrase; null where it comes from a key file. */
  wrapped: string | null;
}

export interface KeySettings {
  BACKUP_PASSPHRASE: string;
  BACKUP_KEY_FILE: string;
}

const keyFolder = 'keys';

async function keyOf(identity: string, wrapped: string | null): Promise<Key> {
  const { identityToRecipient } = await age();
  const recipient = await identityToRecipient(identity);
  return { id: createHash('sha256').update(recipient).digest('hex').slice(0, 16), identity, recipient, wrapped };
}

async function fromFile(path: string): Promise<Key> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new AppError(
      'UNAVAILABLE',
      { en: `BACKUP_KEY_FILE ${path} cannot be read.`, ja: `BACKUP_KEY_FILE ${path} を読めません。` },
      { en: 'Name a file that holds an identity, as age-keygen writes it.', ja: 'age-keygen が書き出す鍵ファイルを指定してください。' },
    );
  });
  const identity = /^AGE-SECRET-KEY-1[0-9A-Z]+$/m.exec(text)?.[0];
  if (!identity)
    throw new AppError(
      'BAD_USER_INPUT',
      { en: `BACKUP_KEY_FILE ${path} holds no age identity.`, ja: `BACKUP_KEY_FILE ${path} に age の鍵がありません。` },
      { en: 'Make one with age-keygen.', ja: 'age-keygen で作ってください。' },
    );
  return keyOf(identity, null);
}

/** Keys that were unwrapped, by a hash of what they were unwrapped from: the derivation is meant to be slow. */
const unwrappedKeys = new Map<string, Promise<Key | null>>();

/** @returns null for a wrong passphrase */
function unwrapped(wrapped: string, passphrase: string): Promise<Key | null> {
  const name = createHash('sha256').update(`${passphrase}\n${wrapped}`).digest('hex');
  let key = unwrappedKeys.get(name);
  if (!key) unwrappedKeys.set(name, (key = unwrap(wrapped, passphrase)));
  return key;
}

async function unwrap(wrapped: string, passphrase: string): Promise<Key | null> {
  const { armor, Decrypter } = await age();
  const decrypter = new Decrypter();
  decrypter.addIdentity(passphraseIdentity(passphrase));
  try {
    return await keyOf(await decrypter.decrypt(armor.decode(wrapped), 'text'), wrapped);
  } catch {
    return null;
  }
}

/**
 * Key for writing into a folder of backups; null where none is set. With a passphrase, the folder keeps a key of its own under it, so
 * that backups share what they have in common and each costs the passphrase's slow derivation once.
 */
export async function keyForWriting(directory: string, { BACKUP_PASSPHRASE: passphrase, BACKUP_KEY_FILE: keyFile }: KeySettings): Promise<Key | null> {
  if (keyFile) return fromFile(keyFile);
  if (!passphrase) return null;
  const folder = join(directory, keyFolder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of (await readdir(folder)).filter((one) => one.endsWith('.age'))) {
    const key = await unwrapped(await readFile(join(folder, name), 'utf8'), passphrase);
    if (key) return key;
  }
  const { armor, Encrypter, generateX25519Identity } = await age();
  const identity = await generateX25519Identity();
  const encrypter = new Encrypter();
  encrypter.addRecipient(passphraseRecipient(passphrase));
  const wrapped = armor.encode(await encrypter.encrypt(identity));
  const key = await keyOf(identity, wrapped);
  const half = join(folder, `${randomUUID()}.tmp`);
  await writeFile(half, wrapped, { mode: 0o600, flush: true });
  await rename(half, join(folder, `${key.id}.age`));
  return key;
}

/** Key that opens a backup; null where it is not encrypted. @throws AppError BAD_USER_INPUT for a wrong or missing passphrase or key file */
export async function keyForReading(
  { id, encryption }: Pick<Manifest, 'id' | 'encryption'>,
  { BACKUP_PASSPHRASE: passphrase, BACKUP_KEY_FILE: keyFile }: KeySettings,
): Promise<Key | null> {
  if (!encryption) return null;
  const { keyId, wrapped } = encryption;
  if (wrapped === null) {
    const key = keyFile ? await fromFile(keyFile) : null;
    if (key?.id === keyId) return key;
    throw new AppError(
      'BAD_USER_INPUT',
      { en: `The backup ${id} is encrypted with another key file.`, ja: `バックアップ ${id} は別の鍵ファイルで暗号化されています。` },
      { en: 'Set BACKUP_KEY_FILE to the one it was written with.', ja: 'BACKUP_KEY_FILE を書き込み時のものにしてください。' },
    );
  }
  const key = passphrase ? await unwrapped(wrapped, passphrase) : null;
  if (key) return key;
  const problem = passphrase
    ? { en: `BACKUP_PASSPHRASE is not the passphrase of the backup ${id}.`, ja: `BACKUP_PASSPHRASE はバックアップ ${id} のパスフレーズではありません。` }
    : { en: `No passphrase is set that opens the backup ${id}.`, ja: `バックアップ ${id} を開くパスフレーズが設定されていません。` };
  throw new AppError('BAD_USER_INPUT', problem, {
    en: 'Set BACKUP_PASSPHRASE to the one it was written with.',
    ja: 'BACKUP_PASSPHRASE を書き込み時のものにしてください。',
  });
}
