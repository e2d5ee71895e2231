import { say } from '../platform/saying.js';
import { type ComponentHealth, type SystemHealth } from './health.service.js';

export type SummaryLanguage = 'en' | 'ja';

interface Words {
  /** @param ago when a restore was last proven, e.g. "6 hours ago" */
  well: (documents: number, ago: string | null) => string;
  /** Every part works, and yet something is amiss. */
  alerts: (open: number) => string;
  /** A part that is not well, since a time of day. */
  part: (name: string, since: string, consequence: string) => string;
  names: Record<string, string>;
  /** What it means for people, by part, when it is down; otherwise the part's own message stands. */
  down: Record<string, string>;
}

const words: Record<SummaryLanguage, Words> = {
  en: {
    well: (documents, ago) =>
      `All well. ${documents.toLocaleString('en')} ${documents === 1 ? 'document' : 'documents'}${ago ? `, last proven backup ${ago}` : ''}.`,
    alerts: (open) => `Every part works, but ${open === 1 ? 'an alert is' : `${open} alerts are`} open.`,
    part: (name, since, consequence) => `${name} since ${since}: ${consequence}`,
    names: {
      database: 'Database',
      vector_db: 'ChromaDB',
      cache: 'Cache',
      embedding_model: 'Embedding model',
      search_quality: 'Search quality',
      ingestion: 'Ingestion',
      jobs: 'Jobs',
      backups: 'Backups',
      notifications: 'Notifications',
    },
    down: {
      vector_db: 'it is down; search may answer by words only.',
      cache: 'it is down; answers take longer.',
      embedding_model: 'it is not loaded; search answers by words only.',
      database: 'it does not answer; nothing works without it.',
    },
  },
  ja: {
    well: (documents, ago) => `すべて正常です。文書 ${documents.toLocaleString('ja')} 件${ago ? `、復元を実証したバックアップは${ago}` : ''}。`,
    alerts: (open) => `各部分は動いていますが、アラートが ${open} 件発生しています。`,
    part: (name, since, consequence) => `${name}（${since} から）: ${consequence}`,
    names: {
      database: 'データベース',
      vector_db: 'ChromaDB',
      cache: 'キャッシュ',
      embedding_model: '埋め込みモデル',
      search_quality: '検索品質',
      ingestion: '文書の取り込み',
      jobs: 'ジョブ',
      backups: 'バックアップ',
      notifications: '通知',
    },
    down: {
      vector_db: '停止しています。検索が語句だけになることがあります。',
      cache: '停止しています。回答に時間がかかります。',
      embedding_model: '読み込めていません。検索は語句だけで答えます。',
      database: '応答していません。データベースがないと何も動きません。',
    },
  },
};

const lengths = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

function ago(ms: number, language: SummaryLanguage): string {
  const [unit, length] = lengths.find(([, one]) => ms >= one) ?? ['minute', 60_000];
  return new Intl.RelativeTimeFormat(language).format(-Math.round(ms / length), unit);
}

/** How the system is, in a sentence, or one for each part that is not well; the worst first. Times are in `timeZone`, or in that of the machine. */
export function summarize(
  health: SystemHealth,
  facts: { documents: number; alerts: number; provenAgoMs: number | null; timeZone: string },
  language: SummaryLanguage,
): string {
  const { documents, alerts: open, provenAgoMs, timeZone } = facts;
  const { well, alerts, part, names, down } = words[language];
  const ill = health.components.filter(({ status }) => status !== 'HEALTHY').sort((a, b) => b.status.localeCompare(a.status));
  if (ill.length === 0) return open > 0 ? alerts(open) : well(documents, provenAgoMs === null ? null : ago(provenAgoMs, language));
  const time = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hour12: false, ...(timeZone ? { timeZone } : {}) });
  const consequence = ({ name, status, message }: ComponentHealth) =>
    (status === 'UNHEALTHY' ? down[name] : undefined) ?? (message === null ? status : say(message, language));
  return ill.map((component) => part(names[component.name] ?? component.name, time.format(component.since), consequence(component))).join(' ');
}
