import { CommanderError } from 'commander';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, RequestFailed } from './client.js';

/** What commands need of the program they are part of. */
export interface Terminal {
  connected: <T>(work: (client: Client) => Promise<T>) => Promise<T>;
  /** Prints a result for programs or for people. */
  print: (value: unknown, forPeople: () => string) => void;
  /** Tells how far a long command is. @param share 0..1, drawn as a bar on a terminal */
  progress: (text: string, share?: number) => void;
  exitUsage: number;
  exitFailed: number;
}

export interface Job {
  id: string;
  kind: string;
  status: string;
  progress: number;
  stage: string | null;
  message: string | null;
  error: string | null;
  createdAt: string;
  result: Record<string, unknown> | null;
}

export const jobFields = 'id kind status progress stage message error createdAt result';

const pollMs = 250;
const mostPerPage = 100;

/** What `--first` says. @throws CommanderError where it is not 1 to 100 */
export function firstOf(value: string, exitUsage: number): number {
  const size = Number(value);
  if (!Number.isInteger(size) || size < 1 || size > mostPerPage)
    throw new CommanderError(exitUsage, 'erpfts.first', `--first takes 1 to ${mostPerPage}, not "${value}".`);
  return size;
}

const spans: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What `--since` says, as ISO 8601. @throws CommanderError where it is neither a span nor a time */
export function sinceOf(value: string, exitUsage: number): string {
  const [, count, unit = ''] = /^(\d+)([mhd])$/.exec(value) ?? [];
  const at = count === undefined ? new Date(value) : new Date(Date.now() - Number(count) * spans[unit]!);
  if (Number.isNaN(at.getTime())) throw new CommanderError(exitUsage, 'erpfts.since', `--since takes 90m, 24h, 7d or a time, not "${value}".`);
  return at.toISOString();
}

/** Waits for a job, and through a restart of the server. */
export async function finished(client: Client, id: string, progress: Terminal['progress']): Promise<Job> {
  for (;;) {
    const { job } = await client.patiently(() => client.request<{ job: Job | null }>(`query Job($id: ID!) { job(id: $id) { ${jobFields} } }`, { id }));
    if (!job) throw new RequestFailed('The job was removed before it had finished.', 'NOT_FOUND', null);
    if (job.status !== 'QUEUED' && job.status !== 'RUNNING') return job;
    progress([job.stage, job.message].filter(Boolean).join(' ') || job.status.toLowerCase(), job.progress);
    await delay(pollMs);
  }
}

export const shown = (value: unknown) => (value === null ? '–' : typeof value === 'string' ? value : JSON.stringify(value));
