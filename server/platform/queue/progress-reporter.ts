import { type Database } from '../database/index.js';
import { type Saying } from '../saying.js';
import { JobEntity } from './job.entity.js';
import { withStep } from './job-log.js';

export interface JobProgress {
  /** Share done, 0..1; a smaller value than reported before is ignored. */
  progress?: number;
  stage?: string;
  message?: Saying;
}

const publishEveryMs = 100;
const saveEveryMs = 1000;

/** Publishes progress at most ten times a second and saves it at most once a second, never going backwards. */
export class ProgressReporter {
  #publishedAt = 0;
  #savedAt = Date.now();
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(
    private readonly job: JobEntity,
    private readonly database: Database,
    private readonly publish: (job: JobEntity) => void,
  ) {}

  report({ progress, stage, message }: JobProgress): void {
    if (this.#closed) return;
    const { job } = this;
    if (progress !== undefined) job.progress = Math.max(job.progress, Math.min(1, progress));
    const newStage = stage !== undefined && stage !== job.stage;
    if (newStage) job.log = withStep(job, stage);
    if (stage !== undefined) job.stage = stage;
    if (message !== undefined) job.message = message;
    const wait = newStage ? 0 : this.#publishedAt + publishEveryMs - Date.now();
    if (wait <= 0) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), wait);
  }

  #flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#closed) return;
    const now = Date.now();
    this.#publishedAt = now;
    this.publish({ ...this.job });
    if (now - this.#savedAt >= saveEveryMs) {
      this.#savedAt = now;
      const { id, progress, stage, message, log } = this.job;
      void this.database
        .write((tx) => tx.update(JobEntity, { id, status: 'RUNNING' }, { progress, stage, message, log: log as never, reportedAt: new Date(now) }))
        .catch(() => undefined); // The next report or the outcome says it again.
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
  }
}
