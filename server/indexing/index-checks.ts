import { type HealthCheck } from '../health/index.js';
import { messageOf } from '../platform/errors.js';
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
        try {
          await repair.look();
        } catch (error) {
          return {
            status: 'UNHEALTHY',
            message: { en: messageOf(error), ja: `ベクトル索引が使えません（${messageOf(error)}）` },
            remedy: {
              en: 'Searches are answered by words meanwhile. A ChromaDB of ours is started again by itself; another is looked for at CHROMA_URL.',
              ja: 'それまで検索は語句で答えます。内蔵の ChromaDB は自動的に再起動します。外部の ChromaDB は CHROMA_URL を確認してください。',
            },
          };
        }
        if (repair.unembedded > 0)
          return {
            status: 'DEGRADED',
            message: { en: `${repair.unembedded} passages have no vector.`, ja: `ベクトルのない文章が ${repair.unembedded} 件あります。` },
            remedy: { en: 'Reprocess their documents: they are found by words only.', ja: '文書を再処理してください。それまでは語句でだけ見つかります。' },
          };
        if (repair.missing === 0) return { status: 'HEALTHY' };
        return {
          status: 'DEGRADED',
          message: {
            en: `The vector index lacks passages; ${repair.missing} are being put back from the database.`,
            ja: `ベクトル索引に足りない文章があり、${repair.missing} 件をデータベースから戻しています。`,
          },
        };
      },
    },
    {
      name: 'embedding_model',
      timeoutMs: 1000,
      essential: false,
      check: async () => {
        const { configuredModel, embedder, embedderFailure } = index;
        const { model } = index.active;
        if (embedderFailure)
          return {
            status: 'UNHEALTHY',
            message: embedderFailure,
            remedy: {
              en: 'Search goes on by words. Correct EMBEDDING_MODEL and restart.',
              ja: '検索は語句だけで続きます。EMBEDDING_MODEL を直して再起動してください。',
            },
          };
        if (!embedder) return { status: 'DEGRADED', message: { en: `${model} is being loaded.`, ja: `${model} を読み込んでいます。` } };
        if (configuredModel === model) return { status: 'HEALTHY', message: model };
        if ((await generations.declinedModel()) === configuredModel)
          return {
            status: 'HEALTHY',
            message: {
              en: `${model}; an operator went back from ${configuredModel}, which EMBEDDING_MODEL names.`,
              ja: `${model}。EMBEDDING_MODEL は ${configuredModel} ですが、運用者が元に戻しました。`,
            },
          };
        const candidate = await generations.ofModel(configuredModel);
        if (candidate?.status === 'CANDIDATE') {
          const { comparison } = candidate;
          const scores = comparison ? `: nDCG@10 ${comparison.candidate.ndcg.toFixed(3)} against ${comparison.active.ndcg.toFixed(3)}` : '';
          const japaneseScores = comparison ? `（nDCG@10 ${comparison.candidate.ndcg.toFixed(3)}、現在 ${comparison.active.ndcg.toFixed(3)}）` : '';
          return {
            status: 'DEGRADED',
            message: {
              en: `The index under ${configuredModel} is whole and waits for a yes${scores}. ${model} answers meanwhile.`,
              ja: `${configuredModel} による索引が完成し、切り替えの承認を待っています${japaneseScores}。それまでは ${model} が答えます。`,
            },
            remedy: { en: 'Switch to it, or discard it, on the page of the search index.', ja: '検索索引のページで、切り替えるか破棄してください。' },
          };
        }
        return {
          status: 'DEGRADED',
          message: {
            en: `Searches are answered under ${model} until every passage has been embedded with ${configuredModel}.`,
            ja: `すべての文章が ${configuredModel} で埋め込まれるまで、${model} で検索に答えます。`,
          },
          remedy: { en: 'Follow the REEMBED job.', ja: 'REEMBED ジョブの進み具合を見てください。' },
        };
      },
    },
  ];
}
