import { BackupFolder } from './backup-folder.js';
import { type BackgroundResults, type BackgroundTask } from './background-process.js';
import { type Proof } from './manifest.js';
import { check } from './restoring/check.js';
import { stagingFolder } from './restoring/pending-restore.js';
import { stage, type StageParts } from './restoring/stage.js';
import { save, type SaveLink } from './saving/save.js';

export type ProveTask = Extract<BackgroundTask, { task: 'prove' }>;

export interface TaskLink extends SaveLink, Pick<StageParts, 'entities'> {
  /** Opens a restored backup by a server of its own and compares the two. */
  prove: (task: ProveTask, link: TaskLink) => Promise<Proof>;
}

/** Does what the process of backups was started for. */
export async function runTask(task: BackgroundTask, link: TaskLink): Promise<BackgroundResults[keyof BackgroundResults]> {
  const folder = new BackupFolder(task.directory);
  const { settings } = task.loaded;
  switch (task.task) {
    case 'save':
      return save(task, link);
    case 'check':
      return check(task.id, { folder, settings, ...link });
    case 'prove':
      return link.prove(task, link);
    case 'stage': {
      const { DATA_DIR: present } = settings;
      const { counts, withoutVectors } = await stage(task.id, { settings, folder, target: stagingFolder(present), present, databaseUrl: '', ...link });
      return { counts, withoutVectors };
    }
  }
}
