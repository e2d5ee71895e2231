import { BackupFolder } from './backup-folder.js';
import { type BackgroundResults, type BackgroundTask } from './background-process.js';
import { type Proof } from './manifest.js';
import { type StageParts } from './restoring/stage.js';
import { type SaveLink } from './saving/save.js';

export type ProveTask = Extract<BackgroundTask, { task: 'prove' }>;

export interface TaskLink extends SaveLink {
  entities: () => Promise<StageParts['entities']>;
  /** Opens a restored backup by a server of its own and compares the two. */
  prove: (task: ProveTask, link: TaskLink) => Promise<Proof>;
}

/** Does what the process of backups was started for. */
export async function runTask(task: BackgroundTask, link: TaskLink): Promise<BackgroundResults[keyof BackgroundResults]> {
  const folder = new BackupFolder(task.directory);
  const { settings } = task.loaded;
  switch (task.task) {
    case 'save':
      return (await import('./saving/save.js')).save(task, link);
    case 'check':
      return (await import('./restoring/check.js')).check(task.id, { folder, settings, ...link });
    case 'prove':
      return link.prove(task, link);
    case 'stage': {
      const [{ stage }, { stagingFolder }, entities] = await Promise.all([
        import('./restoring/stage.js'),
        import('./restoring/pending-restore.js'),
        link.entities(),
      ]);
      const { DATA_DIR: present } = settings;
      const { counts, withoutVectors } = await stage(task.id, {
        ...{ settings, folder, target: stagingFolder(present), present, databaseUrl: '' },
        ...{ entities, signal: link.signal, report: link.report },
      });
      return { counts, withoutVectors };
    }
  }
}
