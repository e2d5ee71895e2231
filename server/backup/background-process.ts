import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type LoadedSettings } from '../config/index.js';
import { AppError, asError, type ErrorCode } from '../platform/errors.js';
import { say, type Saying } from '../platform/saying.js';
import { type JobContext } from '../platform/queue/index.js';
import { type Checked } from './restoring/check.js';
import { type SaveTask } from './saving/save.js';
import { type Counts, type Manifest, type Proof, type Sample } from './manifest.js';

interface FolderTask {
  loaded: LoadedSettings;
  directory: string;
  id: string;
}

/** What the process of backups can be asked for. */
export type BackgroundTask =
  ({ task: 'save' } & SaveTask) | ({ task: 'check' } & FolderTask) | ({ task: 'prove' } & FolderTask) | ({ task: 'stage' } & FolderTask);

export interface BackgroundResults {
  save: Manifest;
  check: Checked;
  prove: Proof;
  stage: { counts: Counts | null; withoutVectors: number };
}

/** From the process. */
export type BackgroundMessage =
  | { type: 'progress'; stage: string; progress: number }
  | { type: 'samples'; queries: string[] }
  | { type: 'result'; result: unknown }
  | { type: 'error'; what: Saying; code: ErrorCode | null; remedy: Saying | null };

/** To it, after the task. */
export interface SamplesAnswer {
  samples: Sample[];
  state: string;
}

interface Link {
  signal: AbortSignal;
  report: (stage: string, progress: number) => void;
  samples?: (queries: string[]) => Promise<SamplesAnswer>;
}

/** Progress of a process, as a part of the whole that a job tells. */
export const linkOf = ({ signal, report }: Pick<JobContext, 'signal' | 'report'>, from: number, to: number): Link => ({
  signal,
  report: (stage, progress) => report({ stage, progress: from + progress * (to - from) }),
});

const running = new Set<ChildProcess>();

/** Processes of backups that run now. */
export const backgroundPids = (): number[] => [...running].flatMap(({ pid }) => pid ?? []);

/** Runs the heavy part of a backup in a process of its own, behind everybody else: searches must not notice it. */
export async function inBackground<Task extends BackgroundTask>(task: Task, { signal, report, samples }: Link): Promise<BackgroundResults[Task['task']]> {
  signal.throwIfAborted();
  const child = fork(fileURLToPath(new URL('../backup-process.js', import.meta.url)), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // Beside the one that serves: what is not needed is given back instead of kept.
    execArgv: ['--max-semi-space-size=4'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const end = () => void child.kill('SIGKILL');
  signal.addEventListener('abort', end, { once: true });
  try {
    return (await outcome(child, task, report, samples)) as BackgroundResults[Task['task']];
  } catch (error) {
    signal.throwIfAborted();
    throw asError(error);
  } finally {
    signal.removeEventListener('abort', end);
    child.kill('SIGKILL');
  }
}

function outcome(child: ChildProcess, task: BackgroundTask, report: Link['report'], samples: Link['samples']): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let complaint = '';
    child.stderr?.on('data', (data: Buffer) => (complaint = `${complaint}${data.toString()}`.slice(-2000)));
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`the process of backups ended with ${signal ?? code}: ${complaint}`)));
    child.on('message', (message: BackgroundMessage) => {
      if (message.type === 'progress') report(message.stage, message.progress);
      else if (message.type === 'result') resolve(message.result);
      else if (message.type === 'error') reject(message.code ? new AppError(message.code, message.what, message.remedy) : new Error(say(message.what)));
      else samples?.(message.queries).then((answer) => child.connected && child.send(answer), reject);
    });
    child.send(task);
  });
}
