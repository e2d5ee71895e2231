import { type DocumentStatus, type SourceType } from '$lib/gql/graphql';
import { m } from '$lib/paraglide/messages';

const statuses: Record<DocumentStatus, () => string> = {
  QUEUED: m.status_queued,
  EXTRACTING: m.status_extracting,
  CHUNKING: m.status_chunking,
  EMBEDDING: m.status_embedding,
  INDEXING: m.status_indexing,
  READY: m.status_ready,
  FAILED: m.status_failed,
};
export const statusLabel = (status: DocumentStatus) => statuses[status]();

export const stageLabels: Record<string, () => string> = { ...statuses, FETCHING: m.status_fetching };
export const stageLabel = (stage: string) => stageLabels[stage]?.() ?? stage;

const sources: Record<SourceType, () => string> = { FILE: m.source_file, WEB: m.source_web, FEED: m.source_feed, FOLDER: m.source_folder };
export const sourceLabel = (source: SourceType) => sources[source]();

const formats: Record<string, string> = {
  'application/pdf': 'PDF',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'DOCX',
  'text/html': 'HTML',
  'text/markdown': 'Markdown',
};
export const formatLabel = (mimeType: string) => formats[mimeType] ?? (mimeType === 'text/plain' ? m.format_text() : mimeType);
