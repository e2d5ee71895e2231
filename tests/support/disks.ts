import { execFileSync } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notice } from './environment.js';

/** A disk of its own of so many megabytes; null where this machine lets us have none. */
export async function smallDisk(megabytes: number): Promise<{ path: string; free: () => void; readOnly: () => void } | null> {
  const path = await mkdtemp(join(tmpdir(), 'erpfts-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    notice('No disk can be mounted here: backups to a full and to a read-only disk are not tested.');
    return null;
  }
  return {
    path,
    free: () => execFileSync('umount', ['-l', path]),
    readOnly: () => execFileSync('mount', ['-o', 'remount,ro', path]),
  };
}
