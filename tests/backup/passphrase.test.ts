import { Decrypter, Encrypter } from 'age-encryption';
import { expect, test } from 'vitest';
import { passphraseIdentity, passphraseRecipient } from '../../server/backup/passphrase.js';

const passphrase = 'correct horse battery staple';
const text = 'AGE-SECRET-KEY-1 and what it opens';

test('what is encrypted under a passphrase is opened by age, and the other way, while the event loop turns', async () => {
  let turns = 0;
  const turning = setInterval(() => (turns += 1), 5);
  const ours = new Encrypter();
  ours.addRecipient(passphraseRecipient(passphrase));
  const encrypted = await ours.encrypt(text);
  clearInterval(turning);
  // The derivation takes half a second and more; age's own leaves no turn.
  expect(turns).toBeGreaterThan(5);

  const theirs = new Decrypter();
  theirs.addPassphrase(passphrase);
  expect(await theirs.decrypt(encrypted, 'text')).toBe(text);

  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(10);
  const decrypter = new Decrypter();
  decrypter.addIdentity(passphraseIdentity(passphrase));
  expect(await decrypter.decrypt(await encrypter.encrypt(text), 'text')).toBe(text);

  const wrong = new Decrypter();
  wrong.addIdentity(passphraseIdentity('another'));
  await expect(wrong.decrypt(encrypted, 'text')).rejects.toThrow();
});
