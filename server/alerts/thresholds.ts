import { type Settings } from '../config/index.js';
import { type SampleValues, type SeriesName } from '../metrics/index.js';
import { type Saying } from '../platform/saying.js';
import { type Severity } from './alert.entity.js';

export type Level = 'NORMAL' | Severity;

/** A value that is watched: from `warning` on something should be done, from `critical` on it must. */
export interface Threshold {
  rule: string;
  series: SeriesName;
  /** In the unit of the series. */
  warning: number;
  critical: number;
  /** The value in words, e.g. "85 %". */
  inWords: (value: number) => string;
  /** What is measured, as a sentence begins. */
  subject: Record<'en' | 'ja', string>;
  remedy: Saying;
}

export type ThresholdSettings = Pick<
  Settings,
  | 'ALERT_CPU_WARNING'
  | 'ALERT_CPU_CRITICAL'
  | 'ALERT_MEMORY_WARNING'
  | 'ALERT_MEMORY_CRITICAL'
  | 'ALERT_RESPONSE_WARNING'
  | 'ALERT_RESPONSE_CRITICAL'
  | 'ALERT_ERROR_WARNING'
  | 'ALERT_ERROR_CRITICAL'
  | 'ALERT_DISK_WARNING'
  | 'ALERT_DISK_CRITICAL'
>;

const percent = (value: number) => `${(value * 100).toFixed(1)} %`;
const seconds = (value: number) => `${(value / 1000).toFixed(2)} s`;

/** The manual's table of thresholds (daily operation, section 1.2) and the disk's. */
export function thresholds(settings: ThresholdSettings): Threshold[] {
  return [
    {
      rule: 'cpu',
      series: 'hostCpuShare',
      warning: settings.ALERT_CPU_WARNING,
      critical: settings.ALERT_CPU_CRITICAL,
      inWords: percent,
      subject: { en: 'The processor is in use', ja: 'CPU 使用率が高くなっています' },
      remedy: {
        en: 'Look at the running jobs and at other programs on the machine. While documents come in this is usual: lower INGEST_CONCURRENCY where it disturbs.',
        ja: '実行中のジョブとほかのプログラムを確認してください。取り込み中は普通のことです。支障があれば INGEST_CONCURRENCY を下げてください。',
      },
    },
    {
      rule: 'memory',
      series: 'hostMemoryShare',
      warning: settings.ALERT_MEMORY_WARNING,
      critical: settings.ALERT_MEMORY_CRITICAL,
      inWords: percent,
      subject: { en: 'Memory is in use', ja: 'メモリ使用率が高くなっています' },
      remedy: {
        en: 'Look which process takes it; lower EMBEDDING_WORKERS, or set EMBEDDING_LOW_MEMORY.',
        ja: 'どのプロセスが使っているか確認し、EMBEDDING_WORKERS を下げるか EMBEDDING_LOW_MEMORY を設定してください。',
      },
    },
    {
      rule: 'response_time',
      series: 'requestP95Ms',
      warning: settings.ALERT_RESPONSE_WARNING * 1000,
      critical: settings.ALERT_RESPONSE_CRITICAL * 1000,
      inWords: seconds,
      subject: { en: 'One request in twenty takes', ja: '応答時間（p95）が長くなっています' },
      remedy: {
        en: 'Look for slow_query in the logs, at the processor and at the running jobs.',
        ja: 'ログの slow_query、CPU、実行中のジョブを確認してください。',
      },
    },
    {
      rule: 'error_rate',
      series: 'errorShare',
      warning: settings.ALERT_ERROR_WARNING,
      critical: settings.ALERT_ERROR_CRITICAL,
      inWords: percent,
      subject: { en: 'Requests fail by our fault', ja: 'サーバー側のエラーが増えています' },
      remedy: {
        en: 'Look at the errors in the logs and at the health of the parts.',
        ja: 'ログのエラーと各部の状態を確認してください。',
      },
    },
    {
      rule: 'disk',
      series: 'diskUsedShare',
      warning: settings.ALERT_DISK_WARNING,
      critical: settings.ALERT_DISK_CRITICAL,
      inWords: percent,
      subject: { en: 'The disk is full', ja: 'ディスクが残り少なくなっています' },
      remedy: {
        en: 'Run the tasks CLEAN_TEMP and VACUUM, remove what is no longer needed, or enlarge the disk.',
        ja: 'CLEAN_TEMP と VACUUM を実行するか、不要なものを削除するか、ディスクを増やしてください。',
      },
    },
  ];
}

/** Below its threshold by this share before a value counts as better again, so that one that wavers does not raise alert after alert. */
const hysteresis = 0.05;

/** @param before what the rule was judged last */
export function judge({ warning, critical }: Threshold, value: number | null, before: Level): Level {
  if (value === null) return 'NORMAL';
  const reaches = (limit: number, held: boolean) => value >= (held ? limit * (1 - hysteresis) : limit);
  if (reaches(critical, before === 'CRITICAL')) return 'CRITICAL';
  return reaches(warning, before !== 'NORMAL') ? 'WARNING' : 'NORMAL';
}

export const valueOf = (threshold: Threshold, values: SampleValues) => values[threshold.series];

/** What is said of a value that was judged. */
export function sentenceOf({ subject, inWords, warning, critical }: Threshold, value: number | null, level: Level): Saying {
  const isCritical = level === 'CRITICAL';
  const limit = inWords(isCritical ? critical : warning);
  return {
    en: `${subject.en}: ${value === null ? 'unknown' : inWords(value)} (${isCritical ? 'critical' : 'warning'} from ${limit}).`,
    ja: `${subject.ja}: ${value === null ? '不明' : inWords(value)}（${isCritical ? '危険' : '警告'}の基準は ${limit}）。`,
  };
}
