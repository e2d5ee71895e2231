import { type Identity, type Recipient } from 'age-encryption';
import { createCipheriv, createDecipheriv, randomBytes, scrypt, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';
import { age } from './age.js';

const scryptAsync = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);
const label = 'age-encryption.org/v1/scrypt';
const cipherName = 'chacha20-poly1305';
const keyBytes = 32;
const saltBytes = 16;
const tagBytes = 16;
const nonce = Buffer.alloc(12);
const blockSize = 8;
/** Cost of the derivation, as a power of two: what age writes. */
const workFactor = 18;
/** More would be somebody's attempt to keep the machine busy. */
const mostWorkFactor = 19;

/**
 * age's own derivation keeps its thread, here the server's, for a second or more; this is the same by Node's thread pool.
 * https://age-encryption.org/v1 (scrypt recipient stanza)
 */
function derived(passphrase: string, salt: Buffer, factor: number): Promise<Buffer> {
  const cost = 2 ** factor;
  return scryptAsync(passphrase, Buffer.concat([Buffer.from(label), salt]), keyBytes, {
    cost,
    blockSize,
    parallelization: 1,
    maxmem: 2 * 128 * cost * blockSize,
  });
}

/** Encrypts so that the passphrase opens it. */
export function passphraseRecipient(passphrase: string): Recipient {
  return {
    wrapFileKey: async (fileKey) => {
      const { Stanza } = await age();
      const salt = randomBytes(saltBytes);
      const cipher = createCipheriv(cipherName, await derived(passphrase, salt, workFactor), nonce, { authTagLength: tagBytes });
      const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
      return [new Stanza(['scrypt', salt.toString('base64').replace(/=+$/, ''), String(workFactor)], new Uint8Array(body))];
    },
  };
}

/** Opens what was encrypted with a passphrase. */
export function passphraseIdentity(passphrase: string): Identity {
  return {
    unwrapFileKey: async ([stanza]) => {
      const [type, salt = '', factor = ''] = stanza?.args ?? [];
      if (!stanza || type !== 'scrypt' || Number(factor) > mostWorkFactor) return null;
      const key = await derived(passphrase, Buffer.from(salt, 'base64'), Number(factor));
      const body = Buffer.from(stanza.body);
      const cipher = createDecipheriv(cipherName, key, nonce, { authTagLength: tagBytes });
      cipher.setAuthTag(body.subarray(-tagBytes));
      return Buffer.concat([cipher.update(body.subarray(0, -tagBytes)), cipher.final()]);
    },
  };
}
