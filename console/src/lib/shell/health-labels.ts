import { type ComponentHealth, type HealthStatus } from '$lib/gql/graphql';
import { m } from '$lib/paraglide/messages';
import { locale } from './locale.svelte';

const statuses: Record<HealthStatus, () => string> = { HEALTHY: m.health_healthy, DEGRADED: m.health_degraded, UNHEALTHY: m.health_unhealthy };
export const healthLabel = (status: HealthStatus) => statuses[status]();

const components: Record<string, () => string> = {
  database: m.part_database,
  vector_db: m.part_vector_db,
  cache: m.part_cache,
  embedding_model: m.part_embedding_model,
  search_quality: m.part_search_quality,
  ingestion: m.part_ingestion,
  jobs: m.part_jobs,
  backups: m.backups,
  notifications: m.part_notifications,
};
export const componentLabel = (name: string) => components[name]?.() ?? name;

const broken: Record<string, () => string> = { vector_db: m.part_vector_db_down, cache: m.part_cache_down, embedding_model: m.part_embedding_model_down };

type Told = Pick<ComponentHealth, 'name' | 'status' | 'message' | 'remedy'> & { messageJa?: string | null; remedyJa?: string | null };

/** What a part that is not well means for the people here; the server's own words where there is nothing better. */
export function healthMessage({ name, status, message, messageJa }: Told): string {
  return (status === 'UNHEALTHY' ? broken[name]?.() : undefined) ?? (locale.current === 'ja' ? messageJa : message) ?? '';
}

export const healthRemedy = ({ remedy, remedyJa }: Told): string => (locale.current === 'ja' ? remedyJa : remedy) ?? '';
