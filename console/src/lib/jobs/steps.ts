import { backupStages } from '$lib/backups/labels';
import { stageLabels } from '$lib/documents/labels';
import { taskNames } from '$lib/maintenance/tasks';
import { m } from '$lib/paraglide/messages';
import { locale } from '$lib/shell/locale.svelte';

export const reportLabels = {
  PERFORMANCE: m.report_performance,
  LOG_ANALYSIS: m.report_log_analysis,
  CAPACITY: m.report_capacity,
  UPDATE_CHECK: m.report_update_check,
};

const schedules: Record<string, () => string> = {
  DAILY: m.schedule_daily,
  WEEKLY: m.schedule_weekly,
  MONTHLY: m.schedule_monthly,
  GOLDEN_QUERIES: m.golden,
  BACKUP_DATABASE: m.schedule_backup_database,
  BACKUP_VECTORS: m.schedule_backup_vectors,
  BACKUP_CONFIG: m.schedule_backup_config,
  BACKUP_FULL: m.schedule_backup_full,
  BACKUP_PROOF: m.schedule_backup_proof,
};
export const scheduleNames = Object.keys(schedules);
export const scheduleLabel = (name: string) => schedules[name]?.() ?? name;

/** Parts of the work of a job, wherever they occur. */
const steps: Record<string, () => string> = {
  ...backupStages,
  ...stageLabels,
  ...Object.fromEntries(Object.entries(taskNames).map(([task, { name }]) => [task, name])),
  ...Object.fromEntries(Object.entries(reportLabels).map(([kind, label]) => [`REPORT_${kind}`, () => m.step_report({ report: label() })])),
  ...schedules,
  BEGUN: m.step_begun,
  CACHE_STATISTICS: m.step_cache_statistics,
  CANCELLED: m.step_cancelled,
  CLEANING_UP: m.step_cleaning_up,
  DELETING: m.step_deleting,
  DISK_CHECK: m.step_disk_check,
  FAILED: m.step_failed,
  FILLING: m.step_filling,
  FORGET_OLD_RECORDS: m.step_forget_old_records,
  DOWNLOADING: m.step_downloading,
  FULL_TEXT: m.step_full_text,
  LOADING: m.step_loading,
  COMPARING: m.step_comparing,
  REPAIR: m.step_repair,
  RESUMED: m.step_resumed,
  SCORE: m.step_score,
  SUCCEEDED: m.step_succeeded,
  VERIFY: m.step_verify,
  WAITING: m.step_waiting,
};
export const stepLabel = (step: string) => steps[step]?.() ?? step;

interface Told {
  stage?: string | null;
  message?: string | null;
  messageJa?: string | null;
}

/** Why a job failed, in the reader's language. */
export const whyFailed = ({ error, errorJa }: { error?: string | null; errorJa?: string | null }): string | null =>
  (locale.current === 'ja' ? errorJa : error) ?? null;

/** What a running job does at the moment. */
export const doingNow = ({ stage, message, messageJa }: Told): string =>
  [stage ? stepLabel(stage) : '', (locale.current === 'ja' ? messageJa : message) ?? ''].filter(Boolean).join(' · ');

/** Which task or schedule a job is of; nothing where its kind says all. */
export const subjectOf = ({ kind, subject }: { kind: string; subject?: string | null }): string =>
  subject ? (kind === 'SCHEDULE' ? scheduleLabel(subject) : stepLabel(subject)) : '';
