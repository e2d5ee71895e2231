import './production.js';
import { setPriority } from 'node:os';
/* eslint-disable no-restricted-imports -- The feature's door loads all of it, which takes longer than most tasks of this process. */
import { type BackgroundMessage, type BackgroundTask, type SamplesAnswer } from './backup/background-process.js';
import { runTask } from './backup/tasks.js';
/* eslint-enable no-restricted-imports */
import { AppError, messageOf } from './platform/errors.js';

/** Entry of the process that writes, checks, restores and proves backups: one task, then it ends. */
setPriority(10);
process.once('disconnect', () => process.exit(1));

const send = (message: BackgroundMessage) => process.send?.(message);

process.once('message', (task: BackgroundTask) => {
  const link = {
    // Whoever gives it up ends the process.
    signal: new AbortController().signal,
    report: (stage: string, progress: number) => send({ type: 'progress', stage, progress }),
    samples: (queries: string[]) =>
      new Promise<SamplesAnswer>((resolve) => {
        process.once('message', resolve);
        send({ type: 'samples', queries });
      }),
  };
  runTask(task, {
    ...link,
    // Each task loads what it needs: most need little.
    entities: async () => (await import('./entities.js')).entities,
    prove: async (...proof) => (await import('./proving.js')).proveByServer(...proof),
  }).then(
    (result) => send({ type: 'result', result }),
    (error: unknown) => {
      const known = error instanceof AppError ? error : null;
      send({ type: 'error', what: known?.told.what ?? messageOf(error), code: known?.code ?? null, remedy: known?.told.remedy ?? null });
    },
  );
});
