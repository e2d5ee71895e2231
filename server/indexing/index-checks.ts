import { type HealthCheck } from '../health/index.js';
import { type Generations } from './generations.js';
import { type IndexRepair } from './index-repair.js';
import { type KnowledgeIndex } from './knowledge-index.js';

/** How the vector index and the embedding model say how they are. */
export function indexChecks(index: KnowledgeIndex, repair: IndexRepair, generations: Generations): HealthCheck[] {
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
      check: async () => {
        const { configuredModel, embedder, embedderFailure } = index;
        const { model } = index.active;
        if (embedderFailure) return { status: 'UNHEALTHY', message: embedderFailure, remedy: 'Search goes on by words. Correct EMBEDDING_MODEL and restart.' };
        if (!embedder) return { status: 'DEGRADED', message: `${model} is being loaded.` };
        if (configuredModel === model) return { status: 'HEALTHY', message: model };
        if ((await generations.declinedModel()) === configuredModel)
          return { status: 'HEALTHY', message: `${model}; an operator went back from ${configuredModel}, which EMBEDDING_MODEL names.` };
        const candidate = await generations.ofModel(configuredModel);
        if (candidate?.status === 'CANDIDATE') {
          const { comparison } = candidate;
          const scores = comparison ? `: nDCG@10 ${comparison.candidate.ndcg.toFixed(3)} against ${comparison.active.ndcg.toFixed(3)}` : '';
          return {
            status: 'DEGRADED',
            message: `The index under ${configuredModel} is whole and waits for a yes${scores}. ${model} answers meanwhile.`,
            remedy: 'Switch to it, or discard it, on the page of the search index.',
          };
        }
        return {
          status: 'DEGRADED',
          message: `Searches are answered under ${model} until every passage has been embedded with ${configuredModel}.`,
          remedy: 'Follow the REEMBED job.',
        };
      },
    },
  ];
}
