import { ingestKind } from '../documents/index.js';
import { type JobTopics } from '../jobs/index.js';
import { type PubSub } from '../platform/pubsub/index.js';

/** Passages taken in and documents that failed since the start. */
export function countIngested(events: PubSub<JobTopics>): () => { chunks: number; failed: number } {
  const counts = { chunks: 0, failed: 0 };
  events.on('jobChanged', ({ kind, status, result }) => {
    if (kind !== ingestKind) return;
    if (status === 'FAILED') counts.failed += 1;
    if (status === 'SUCCEEDED') counts.chunks += Number(result?.['chunks'] ?? 0);
  });
  return () => counts;
}
