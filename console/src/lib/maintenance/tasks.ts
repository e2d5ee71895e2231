import { type MaintenanceTask } from '$lib/gql/graphql';
import { m } from '$lib/paraglide/messages';
import { formatBytes, formatNumber } from '$lib/ui/format';

/** What a verification has found: see the runbook on integrity. */
export interface Damage {
  kind: string;
  documentId: string | null;
  subject: string;
}

interface Result {
  gainedBytes?: number;
  files?: number;
  found?: number;
  mended?: number;
  damages?: Damage[];
}

export const taskNames: Record<MaintenanceTask, { name: () => string; text: () => string }> = {
  VERIFY_DATA: { name: m.task_verify_data, text: m.task_verify_data_text },
  REPAIR_DATA: { name: m.task_repair_data, text: m.task_repair_data_text },
  INTEGRITY_CHECK: { name: m.task_integrity_check, text: m.task_integrity_check_text },
  ANALYZE: { name: m.task_analyze, text: m.task_analyze_text },
  VACUUM: { name: m.task_vacuum, text: m.task_vacuum_text },
  OPTIMIZE_FULL_TEXT: { name: m.task_optimize_full_text, text: m.task_optimize_full_text_text },
  REMOVE_TEMPORARY_FILES: { name: m.task_remove_temporary_files, text: m.task_remove_temporary_files_text },
};

/** By purpose: what looks for faults first. */
export const taskGroups: { title: () => string; tasks: MaintenanceTask[] }[] = [
  { title: m.maintenance_check, tasks: ['VERIFY_DATA', 'REPAIR_DATA', 'INTEGRITY_CHECK'] },
  { title: m.maintenance_tidy, tasks: ['ANALYZE', 'VACUUM', 'OPTIMIZE_FULL_TEXT', 'REMOVE_TEMPORARY_FILES'] },
];

const damageNames: Record<string, () => string> = {
  ORIGINAL_MISSING: m.damage_original_missing,
  ORIGINAL_ALTERED: m.damage_original_altered,
  ORIGINAL_ORPHAN: m.damage_original_orphan,
  TEXT_MISSING: m.damage_text_missing,
  CHUNKS_MISSING: m.damage_chunks_missing,
  CHUNK_ALTERED: m.damage_chunk_altered,
  CHUNK_ORPHAN: m.damage_chunk_orphan,
  FULL_TEXT_MISSING: m.damage_full_text_missing,
  FULL_TEXT_ORPHAN: m.damage_full_text_orphan,
  VECTOR_MISSING: m.damage_vector_missing,
  VECTOR_ALTERED: m.damage_vector_altered,
  VECTOR_ORPHAN: m.damage_vector_orphan,
  INDEX_MISSING: m.damage_index_missing,
  INDEX_ORPHAN: m.damage_index_orphan,
  STUCK: m.damage_stuck,
};

export const damageName = (kind: string) => damageNames[kind]?.() ?? kind;

export const damagesOf = (result: unknown): Damage[] => (result as Result | null)?.damages ?? [];

/** The figure a run is remembered by; null where it has none. */
export function outcomeOf(result: unknown): string | null {
  const { gainedBytes, files, found, mended } = (result ?? {}) as Result;
  if (mended !== undefined) return m.maintenance_mended({ found: formatNumber(found ?? 0), mended: formatNumber(mended) });
  if (found !== undefined) return found === 0 ? m.maintenance_none_found() : m.maintenance_found({ found: formatNumber(found) });
  if (gainedBytes) return m.maintenance_gained({ size: formatBytes(gainedBytes) });
  if (files !== undefined) return m.maintenance_removed({ files: formatNumber(files) });
  return null;
}
