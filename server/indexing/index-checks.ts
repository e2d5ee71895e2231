import { type HealthCheck } from '../health/index.js';
import { messageOf } from '../platform/errors.js';
import { type Generations, type Target } from './generations.js';
import { type IndexRepair } from './index-repair.js';
import { type KnowledgeIndex } from './knowledge-index.js';

interface Told {
  en: string;
  ja: string;
}

/**
 * How the vector index and the embedding model say how they are.
 * @param isChanging whether a change of model or passages is under way or waits for its turn
 */
export function indexChecks(index: KnowledgeIndex, repair: IndexRepair, generations: Generations, isChanging: () => Promise<boolean>): HealthCheck[] {
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
        const { embedder, embedderFailure } = index;
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
        const wanted = generations.configured;
        if (generations.answers(wanted)) return { status: 'HEALTHY', message: model };
        const [there, here] = toldApart(wanted, { model, limits: index.chunking });
        if (await generations.isDeclined())
          return {
            status: 'HEALTHY',
            message: {
              en: `Searches are answered with ${here.en}: an operator decided against ${there.en}, which the settings ask for.`,
              ja: `${here.ja}で検索に答えています。設定は${there.ja}ですが、運用者が見送りました。`,
            },
          };
        const candidate = await generations.for(wanted);
        if (candidate?.status === 'CANDIDATE') {
          const { comparison } = candidate;
          const scores = comparison ? `: nDCG@10 ${comparison.candidate.ndcg.toFixed(3)} against ${comparison.active.ndcg.toFixed(3)}` : '';
          const japaneseScores = comparison ? `（nDCG@10 ${comparison.candidate.ndcg.toFixed(3)}、現在 ${comparison.active.ndcg.toFixed(3)}）` : '';
          return {
            status: 'DEGRADED',
            message: {
              en: `The index with ${there.en} is whole and waits for a yes${scores}. Searches are answered with ${here.en} meanwhile.`,
              ja: `${there.ja}の索引が完成し、切り替えの承認を待っています${japaneseScores}。それまでは${here.ja}で答えます。`,
            },
            remedy: { en: 'Switch to it, or discard it, on the page of the search index.', ja: '検索索引のページで、切り替えるか破棄してください。' },
          };
        }
        if (!(await isChanging()))
          return {
            status: 'DEGRADED',
            message: {
              en: `The index with ${there.en} is not whole, and its job has ended. Searches are answered with ${here.en}.`,
              ja: `${there.ja}の索引は未完成のまま、ジョブが終わっています。${here.ja}で検索に答えます。`,
            },
            remedy: {
              en: 'Retry the REEMBED job on the page of jobs, or discard the index on the page of the search index.',
              ja: 'ジョブのページで REEMBED を再試行するか、検索索引のページで破棄してください。',
            },
          };
        return {
          status: 'DEGRADED',
          message: {
            en: `Searches are answered with ${here.en} until the index with ${there.en} is whole.`,
            ja: `${there.ja}の索引が完成するまで、${here.ja}で検索に答えます。`,
          },
          remedy: { en: 'Follow the REEMBED job.', ja: 'REEMBED ジョブの進み具合を見てください。' },
        };
      },
    },
  ];
}

/** Two targets, by what is different. */
function toldApart(a: Target, b: Target): [Told, Told] {
  const differs = (limit: keyof Target['limits']) => a.limits[limit] !== b.limits[limit];
  const told = ({ model, limits: { maxTokens, overlap, pieceTokens } }: Target): Told => {
    const parts: Told[] = [
      ...(a.model === b.model ? [] : [{ en: model, ja: ` ${model} ` }]),
      ...(differs('maxTokens') ? [{ en: `passages of ${maxTokens} tokens`, ja: `チャンク ${maxTokens} トークン` }] : []),
      ...(differs('overlap') ? [{ en: `an overlap of ${overlap}`, ja: `重なり ${overlap}` }] : []),
      ...(differs('pieceTokens') ? [{ en: `pieces of ${pieceTokens} tokens`, ja: `断片 ${pieceTokens} トークン` }] : []),
    ];
    return { en: parts.map(({ en }) => en).join(' and '), ja: parts.map(({ ja }) => ja).join('・') };
  };
  return [told(a), told(b)];
}
