import { type Settings } from '../config/index.js';
import { type SampleValues, type SeriesName } from '../metrics/index.js';
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
  subject: string;
  remedy: string;
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
      subject: 'The processor is in use',
      remedy:
        'Look at the running jobs and at other programs on the machine. While documents come in this is usual: lower INGEST_CONCURRENCY where it disturbs.',
    },
    {
      rule: 'memory',
      series: 'hostMemoryShare',
      warning: settings.ALERT_MEMORY_WARNING,
      critical: settings.ALERT_MEMORY_CRITICAL,
      inWords: percent,
      subject: 'Memory is in use',
      remedy: 'Look which process takes it; lower EMBEDDING_WORKERS, or set EMBEDDING_LOW_MEMORY.',
    },
    {
      rule: 'response_time',
      series: 'requestP95Ms',
      warning: settings.ALERT_RESPONSE_WARNING * 1000,
      critical: settings.ALERT_RESPONSE_CRITICAL * 1000,
      inWords: seconds,
      subject: 'One request in twenty takes',
      remedy: 'Look for slow_query in the logs, at the processor and at the running jobs.',
    },
    {
      rule: 'error_rate',
      series: 'errorShare',
      warning: settings.ALERT_ERROR_WARNING,
      critical: settings.ALERT_ERROR_CRITICAL,
      inWords: percent,
      subject: 'Requests fail by our fault',
      remedy: 'Look at the errors in the logs and at the health of the parts.',
    },
    {
      rule: 'disk',
      series: 'diskUsedShare',
      warning: settings.ALERT_DISK_WARNING,
      critical: settings.ALERT_DISK_CRITICAL,
      inWords: percent,
      subject: 'The disk is full',
      remedy: 'Run the tasks CLEAN_TEMP and VACUUM, remove what is no longer needed, or enlarge the disk.',
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
