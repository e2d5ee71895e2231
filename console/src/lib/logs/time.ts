import { m } from '$lib/paraglide/messages';

/** Which lines are looked at: a span before now, `range` with ends of its own, or, empty, all. */
export interface LogTime {
  span: string;
  /** ISO 8601. */
  from: string | null;
  to: string | null;
}

const spans: Record<string, number> = { '15m': 900_000, '1h': 3_600_000, '1d': 86_400_000, '7d': 604_800_000 };
export const spanLabels: Record<string, () => string> = { '15m': m.last_15_minutes, '1h': m.last_hour, '1d': m.last_day, '7d': m.last_week };

/** What the server is asked for. */
export function boundsOf({ span, from, to }: LogTime): { from: string | null; to: string | null } {
  if (span === 'range') return { from, to };
  return { from: spans[span] ? new Date(Date.now() - spans[span]).toISOString() : null, to: null };
}

const aroundMs = 300_000;

/** Address of the lines around a moment. */
export function logsAround(at: string): string {
  const moment = new Date(at).getTime();
  const [from, to] = [moment - aroundMs, moment + aroundMs].map((ms) => new Date(ms).toISOString());
  return `/logs?span=range&from=${from}&to=${to}`;
}
