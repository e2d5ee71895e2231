import { type MaintenanceTask } from '$lib/gql/graphql';
import { m } from '$lib/paraglide/messages';
import { formatBytes, formatNumber } from '$lib/ui/format';

/** What a verification has found: see the runbook on integrity. */
export interface Damage {
  kind: string;
  documentId: string | null;
  subject: string;
  /** Is, or would be; only where something was to be mended. */
  mended?: boolean;
}

interface Result {
  gainedBytes?: number;
  files?: number;
  found?: number;
  mended?: number;
  dryRun?: boolean;
  damages?: Damage[];
  list?: string;
  passages?: number;
  vectors?: number;
  process?: { rss: number };
}

export const taskNames: Record<MaintenanceTask, { name: () => string; text: () => string }> = {
  VERIFY_DATA: { name: m.task_verify_data, text: m.task_verify_data_text },
  REPAIR_DATA: { name: m.task_repair_data, text: m.task_repair_data_text },
  INTEGRITY_CHECK: { name: m.task_integrity_check, text: m.task_integrity_check_text },
  ANALYZE: { name: m.task_analyze, text: m.task_analyze_text },
  VACUUM: { name: m.task_vacuum, text: m.task_vacuum_text },
  OPTIMIZE_FULLTEXT: { name: m.task_optimize_fulltext, text: m.task_optimize_fulltext_text },
  CLEAN_TEMP: { name: m.task_clean_temp, text: m.task_clean_temp_text },
  REBUILD_FULLTEXT: { name: m.task_rebuild_fulltext, text: m.task_rebuild_fulltext_text },
  REBUILD_INDEX: { name: m.task_rebuild_index, text: m.task_rebuild_index_text },
  OPTIMIZE_INDEX: { name: m.task_optimize_index, text: m.task_optimize_index_text },
  RESET_VECTOR_STORE: { name: m.task_reset_vector_store, text: m.task_reset_vector_store_text },
  CLEAR_CACHE: { name: m.task_clear_cache, text: m.task_clear_cache_text },
  ROTATE_LOGS: { name: m.task_rotate_logs, text: m.task_rotate_logs_text },
  RELOAD_MODEL: { name: m.task_reload_model, text: m.task_reload_model_text },
  REFRESH_STATISTICS: { name: m.task_refresh_statistics, text: m.task_refresh_statistics_text },
  MEMORY_REPORT: { name: m.task_memory_report, text: m.task_memory_report_text },
};

/** By purpose: what looks for faults first. */
export const taskGroups: { title: () => string; tasks: MaintenanceTask[] }[] = [
  { title: m.maintenance_check, tasks: ['VERIFY_DATA', 'REPAIR_DATA', 'INTEGRITY_CHECK'] },
  { title: m.maintenance_tidy, tasks: ['ANALYZE', 'REFRESH_STATISTICS', 'VACUUM', 'OPTIMIZE_FULLTEXT', 'OPTIMIZE_INDEX', 'CLEAN_TEMP', 'ROTATE_LOGS'] },
  { title: m.maintenance_rebuild, tasks: ['REBUILD_INDEX', 'REBUILD_FULLTEXT', 'RESET_VECTOR_STORE'] },
  { title: m.maintenance_free, tasks: ['CLEAR_CACHE', 'RELOAD_MODEL', 'MEMORY_REPORT'] },
];

/** How a task may be run, the usual way first. */
export interface Way {
  label: () => string;
  options: Record<string, unknown>;
}

export const waysOf: Partial<Record<MaintenanceTask, Way[]>> = {
  REPAIR_DATA: [
    { label: m.way_repair, options: {} },
    { label: m.way_dry_run, options: { dryRun: true } },
  ],
  REBUILD_INDEX: [
    { label: m.way_stored, options: {} },
    { label: m.way_reembed, options: { source: 'REEMBED' } },
  ],
  CLEAR_CACHE: [
    { label: m.way_all, options: {} },
    { label: m.way_search, options: { kinds: ['SEARCH'] } },
    { label: m.way_embedding, options: { kinds: ['EMBEDDING'] } },
    { label: m.way_metadata, options: { kinds: ['METADATA'] } },
  ],
  MEMORY_REPORT: [
    { label: m.way_figures, options: {} },
    { label: m.way_heap_snapshot, options: { heapSnapshot: true } },
  ],
  RELOAD_MODEL: [
    { label: m.way_model_files, options: {} },
    { label: m.way_model_hub, options: { download: true } },
  ],
  ROTATE_LOGS: [
    { label: m.way_old_logs, options: {} },
    { label: m.way_current_log, options: { now: true } },
  ],
};

/** Said before a task that takes something away which does not come back by itself, or that readers notice. */
const warnings: Partial<Record<MaintenanceTask, () => string>> = {
  REPAIR_DATA: m.task_repair_data_confirm,
  RESET_VECTOR_STORE: m.task_reset_vector_store_confirm,
};

/** What is asked before a task is run this way; null where it is simply run. */
export function warningOf(task: MaintenanceTask, options: Record<string, unknown> = {}): string | null {
  if (options['heapSnapshot'] === true) return m.task_memory_report_confirm();
  return options['dryRun'] === true ? null : (warnings[task]?.() ?? null);
}

const damageNames: Record<string, () => string> = {
  ORIGINAL_MISSING: m.damage_original_missing,
  ORIGINAL_ALTERED: m.damage_original_altered,
  ORIGINAL_ORPHAN: m.damage_original_orphan,
  DOCUMENT_ALTERED: m.damage_document_altered,
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
  CHUNK_DOUBLED: m.damage_chunk_doubled,
  CHUNK_STALE: m.damage_chunk_stale,
  TERMS_ALTERED: m.damage_terms_altered,
  POSTING_ORPHAN: m.damage_posting_orphan,
  STATISTICS_WRONG: m.damage_statistics_wrong,
  TEXT_ORPHAN: m.damage_text_orphan,
  TAG_ORPHAN: m.damage_tag_orphan,
  INDEX_ALTERED: m.damage_index_altered,
};

export const damageName = (kind: string) => damageNames[kind]?.() ?? kind;

export const isDryRun = (result: unknown): boolean => (result as Result | null)?.dryRun ?? false;
/** Address of all of them, where there are more than the result lists. */
export const listOf = (result: unknown): string | null => (result as Result | null)?.list ?? null;
export const damagesOf = (result: unknown): Damage[] => (result as Result | null)?.damages ?? [];

/** The figure a run is remembered by; null where it has none. */
export function outcomeOf(result: unknown): string | null {
  const { gainedBytes, files, found, mended, dryRun, passages, vectors, process } = (result ?? {}) as Result;
  if (mended !== undefined && dryRun) return m.maintenance_mendable({ found: formatNumber(found ?? 0), mended: formatNumber(mended) });
  if (mended !== undefined) return m.maintenance_mended({ found: formatNumber(found ?? 0), mended: formatNumber(mended) });
  if (found !== undefined) return found === 0 ? m.maintenance_none_found() : m.maintenance_found({ found: formatNumber(found) });
  if (gainedBytes) return m.maintenance_gained({ size: formatBytes(gainedBytes) });
  if (files !== undefined) return m.maintenance_removed({ files: formatNumber(files) });
  if (passages !== undefined) return m.maintenance_passages({ passages: formatNumber(passages) });
  if (vectors !== undefined) return m.maintenance_vectors({ vectors: formatNumber(vectors) });
  if (process) return m.maintenance_memory({ size: formatBytes(process.rss) });
  return null;
}
