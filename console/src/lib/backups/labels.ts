import { type BackupKind, type BackupState } from '$lib/gql/graphql';
import { m } from '$lib/paraglide/messages';

export const backupKindLabels: Record<BackupKind, () => string> = {
  FULL: m.backup_full,
  DATABASE: m.backup_database,
  VECTORS: m.backup_vectors,
  CONFIG: m.backup_config,
  LIBRARY: m.backup_library,
};

export const backupStateLabels: Record<BackupState, () => string> = {
  GOOD: m.backup_good,
  BAD: m.backup_bad,
  UNCHECKED: m.backup_unchecked,
};

export const backupStages: Record<string, () => string> = {
  SNAPSHOT: m.backup_stage_snapshot,
  LIBRARY: m.backup_stage_originals,
  ORIGINALS: m.backup_stage_originals,
  SETTINGS: m.backup_stage_originals,
  VECTORS: m.backup_stage_vectors,
  DATABASE: m.backup_stage_database,
  CHECK: m.backup_stage_check,
  INTEGRITY: m.backup_stage_check,
  OPEN: m.backup_stage_prove,
  COMPARE: m.backup_stage_prove,
  COPY: m.backup_stage_copy,
  IMPORT: m.backup_stage_import,
};
/** What a running job of backups does, in words. */
export const backupStage = (stage: string | null | undefined) => backupStages[stage ?? '']?.() ?? m.job_queued();
