import { locale } from '$lib/shell/locale.svelte';

/** Numbers, sizes, dates and durations in the reader's language, by Intl. */
export const formatNumber = (value: number, options: Intl.NumberFormatOptions = {}) => new Intl.NumberFormat(locale.current, options).format(value);

export const formatPercent = (share: number) => formatNumber(share, { style: 'percent', maximumFractionDigits: 0 });

export function formatBytes(bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log(bytes) / Math.log(1000)));
  return formatNumber(bytes / 1000 ** step, { style: 'unit', unit: units[step], unitDisplay: 'short', maximumFractionDigits: step === 0 ? 0 : 1 });
}

export function formatMs(ms: number): string {
  return formatNumber(ms, { style: 'unit', unit: 'millisecond', unitDisplay: 'short', maximumFractionDigits: ms < 10 ? 1 : 0 });
}

const steps: [Intl.RelativeTimeFormatUnit & ('second' | 'minute' | 'hour' | 'day'), number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
];

/** A length of time in its largest whole unit, e.g. "40 sec". */
export function formatDuration(ms: number): string {
  const [unit, size] = steps.find(([, length]) => ms >= length) ?? ['second', 1000];
  return formatNumber(Math.max(1, Math.round(ms / size)), { style: 'unit', unit, unitDisplay: 'short' });
}

export function formatAgo(date: Date, now: number): string {
  const ms = date.getTime() - now;
  const [unit, size] = steps.find(([, length]) => Math.abs(ms) >= length) ?? ['second', 1000];
  return new Intl.RelativeTimeFormat(locale.current, { numeric: 'auto' }).format(Math.round(ms / size), unit);
}

export const formatDateTime = (date: Date) => new Intl.DateTimeFormat(locale.current, { dateStyle: 'medium', timeStyle: 'short' }).format(date);

export const formatDate = (date: Date) => new Intl.DateTimeFormat(locale.current, { dateStyle: 'medium' }).format(date);

export const formatTime = (date: Date) => new Intl.DateTimeFormat(locale.current, { timeStyle: 'medium' }).format(date);

export function formatLanguage(code: string): string {
  try {
    return new Intl.DisplayNames(locale.current, { type: 'language' }).of(code) ?? code;
  } catch {
    return code;
  }
}

export const formatDateTimeSeconds = (date: Date) =>
  new Intl.DateTimeFormat(locale.current, { month: 'numeric', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }).format(
    date,
  );

/** A moment on an axis of so many seconds: the finer the axis, the finer the time. */
export function formatTick(date: Date, spanSeconds: number): string {
  const day = 86_400;
  const options: Intl.DateTimeFormatOptions =
    spanSeconds > 3 * day
      ? { month: 'numeric', day: 'numeric' }
      : {
          hour: '2-digit',
          minute: '2-digit',
          hour12: false,
          ...(spanSeconds < 600 ? { second: '2-digit' } : {}),
          ...(spanSeconds > day ? { month: 'numeric', day: 'numeric' } : {}),
        };
  return new Intl.DateTimeFormat(locale.current, options).format(date);
}
