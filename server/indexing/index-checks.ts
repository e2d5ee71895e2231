import { type HealthCheck } from '../health/index.js';
import { type IndexRepair } from './index-repair.js';
import { type KnowledgeIndex } from './knowledge-index.js';

/** How the vector index and the embedding model say how they are. */
export function indexChecks(index: KnowledgeIndex, repair: IndexRepair): HealthCheck[] {
  return [
    {
      name: 'vector_db',
      timeoutMs: 3000,
      essential: false,
      check: async () => {
        await repair.look();
        if (repair.unembedded > 0)
          return {
            status: 'DEGRADED',
            message: `${repair.unembedded} passages have no vector.`,
            remedy: 'Reprocess their documents: they are found by words only.',
          };
        if (repair.missing === 0) return { status: 'HEALTHY' };
        return { status: 'DEGRADED', message: `The vector index lacks passages; ${repair.missing} are being put back from the database.` };
      },
    },
    {
      name: 'embedding_model',
      timeoutMs: 1000,
      essential: false,
      check: () => {
        const { configuredModel, embedder, embedderFailure } = index;
        const { model } = index.active;
        if (embedderFailure)
          return Promise.resolve({ status: 'UNHEALTHY', message: embedderFailure, remedy: 'Search goes on by words. Correct EMBEDDING_MODEL and restart.' });
        if (!embedder) return Promise.resolve({ status: 'DEGRADED', message: `${model} is being loaded.` });
        if (configuredModel !== model) {
          return Promise.resolve({
            status: 'DEGRADED',
            message: `Searches are answered under ${model} until every passage has been embedded with ${configuredModel}.`,
            remedy: 'Follow the REEMBED job.',
          });
        }
        return Promise.resolve({ status: 'HEALTHY', message: model });
      },
    },
  ];
}
