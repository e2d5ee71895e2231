import { rename } from 'node:fs/promises';
import { type LoadedSettings } from '../config/index.js';
import { type Clock } from '../platform/clock.js';
import { type JobContext, JobFailed } from '../platform/queue/index.js';
import { say, type Saying } from '../platform/saying.js';
import { inBackground, linkOf } from './background-process.js';
import { type BackupFolder } from './backup-folder.js';
import { backupDirectory } from './backups.service.js';
import { type BackupStatus } from './manifest.js';
import { type SharedOriginals } from './shared-originals.js';

export interface VerificationParts {
  loaded: LoadedSettings;
  folder: BackupFolder;
  shared: SharedOriginals;
  clock: Clock;
}

const told = (id: string, problems: Saying[]): Saying => ({
  en: `The backup ${id} is bad: ${problems.map((problem) => say(problem)).join(' ')}`,
  ja: `バックアップ ${id} は壊れています: ${problems.map((problem) => say(problem, 'ja')).join(' ')}`,
});

/** Whether backups are what was written, and can be restored. */
export class Verification {
  constructor(private readonly parts: VerificationParts) {}

  /**
   * Reads every byte, with `prove` restores it beside and compares as well, and keeps what came of it.
   * @param from the share of the job's work that is done before
   * @throws JobFailed where it is bad
   */
  async verify(id: string, prove: boolean, context: JobContext, from: number): Promise<BackupStatus> {
    const { loaded, folder, clock, shared } = this.parts;
    const directory = backupDirectory(loaded.settings);
    const before = (await folder.find(id))?.status ?? null;
    const middle = prove ? from + (1 - from) / 3 : 1;
    const { problems, rotten, lost } = await inBackground({ task: 'check', loaded, directory, id }, linkOf(context, from, middle));
    // Out of the way, so that the next backup writes them anew.
    for (const object of rotten) await rename(object, `${object}.rotten`).catch(() => undefined);
    await shared.condemn(lost, id);
    // A wrong key is nobody's damage; what is judged is what could be read.
    const status: BackupStatus = {
      // One that could not be restored stays bad until it is seen that it can be.
      state: problems.length === 0 && before?.proof?.ok !== false ? 'GOOD' : 'BAD',
      checkedAt: clock.now().toISOString(),
      problems: problems.length === 0 && before?.proof?.ok === false ? before.proof.problems : problems,
      proof: before?.proof ?? null,
      copiedAt: before?.copiedAt ?? null,
    };
    if (problems.length === 0 && prove) {
      // It is what was written, whatever becomes of the proof.
      await folder.writeStatus(id, status);
      const task = { task: 'prove' as const, loaded, directory, id };
      status.proof = await inBackground(task, linkOf(context, middle, 1));
      Object.assign(status, { state: status.proof.ok ? 'GOOD' : 'BAD', problems: status.proof.problems });
    }
    if (await folder.find(id)) await folder.writeStatus(id, status);
    if (status.state === 'BAD') throw new JobFailed(told(id, status.problems.slice(0, 3)));
    return status;
  }
}
