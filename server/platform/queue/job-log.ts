import { type JobEntity, type JobLogLine } from './job.entity.js';

/** Of longer ones the first and the newest are kept. */
const mostLines = 60;
const keptFirst = 10;

/** The log of a job with one step more. The step before keeps what was told last in it. */
export function withStep({ log, message }: Pick<JobEntity, 'log' | 'message'>, step: string, at = new Date()): JobLogLine[] {
  const lines = log ?? [];
  const last = lines.at(-1);
  const before = last && last.message === null && message !== null && message !== '' ? [...lines.slice(0, -1), { ...last, message }] : lines;
  const all = [...before, { at: at.toISOString(), step, message: null }];
  return all.length <= mostLines ? all : [...all.slice(0, keptFirst), ...all.slice(keptFirst - mostLines)];
}
