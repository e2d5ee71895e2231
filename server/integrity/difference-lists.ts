import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable } from 'node:stream';
import { type Damage } from './damage.js';

const ending = '.jsonl';
const jobId = /^[0-9a-f-]{36}$/;

/** A difference, and whether it is, or would be, mended; without that where nothing was to be. */
export type ListedDamage = Damage & { mended?: boolean };

/** All differences of runs that found more than a job's result lists: a file of JSON lines for each of them. */
export class DifferenceLists {
  constructor(private readonly folder: string) {}

  async keep(job: string, damages: ListedDamage[]): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const path = join(this.folder, `${job}${ending}`);
    // Whole or not at all, also when the machine stops meanwhile.
    await writeFile(`${path}.part`, damages.map((damage) => `${JSON.stringify(damage)}\n`).join(''), { mode: 0o600 });
    await rename(`${path}.part`, path);
  }

  /** @returns null where the job has none, or it is kept no longer */
  async read(job: string): Promise<Readable | null> {
    if (!jobId.test(job)) return null;
    const path = join(this.folder, `${job}${ending}`);
    return (await stat(path).catch(() => null)) && createReadStream(path);
  }

  /** @returns how many are gone */
  async forget(before: Date): Promise<number> {
    const names = await readdir(this.folder).catch(() => []);
    let gone = 0;
    for (const name of names) {
      const path = join(this.folder, name);
      const modified = (await stat(path).catch(() => null))?.mtime;
      if (!modified || modified >= before) continue;
      await rm(path, { force: true });
      gone += 1;
    }
    return gone;
  }
}
