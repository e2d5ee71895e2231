import { type JobStatus } from '$lib/gql/graphql';
import { m } from '$lib/paraglide/messages';

const kinds: Record<string, () => string> = {
  INGEST: m.job_ingest,
  DELETE: m.job_delete,
  REPROCESS: m.job_reprocess,
  REEMBED: m.job_reembed,
  CLEAR_CHUNKING: m.job_clear_chunking,
  REFINE: m.job_refine,
  MAINTENANCE: m.job_maintenance,
  SCHEDULE: m.job_schedule,
  BACKUP: m.job_backup,
  GOLDEN: m.job_golden,
};
export const jobKinds = Object.keys(kinds);
export const jobLabel = (kind: string) => kinds[kind]?.() ?? kind;

const statuses: Record<JobStatus, () => string> = {
  QUEUED: m.job_queued,
  RUNNING: m.job_running,
  SUCCEEDED: m.job_succeeded,
  FAILED: m.job_failed,
  CANCELLED: m.cancelled,
};
export const jobStatuses = Object.keys(statuses) as JobStatus[];
export const jobStatusLabel = (status: JobStatus) => statuses[status]();
