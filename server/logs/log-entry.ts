import { type Level, logLevels } from '../platform/logging/index.js';

export interface LogEntry {
  at: Date;
  level: Level;
  message: string;
  /** A name to look for, such as slow_query. */
  event: string | null;
  feature: string | null;
  requestId: string | null;
  jobId: string | null;
  /** What else was logged. */
  details: Record<string, unknown> | null;
}

export interface LogCriteria {
  levels?: Level[] | null;
  features?: string[] | null;
  from?: Date | null;
  to?: Date | null;
  /** Anywhere in the line, upper and lower case alike. */
  text?: string | null;
}

/** @returns null for what is no line of ours, such as one that a crash cut off */
export function parseLine(line: string): LogEntry | null {
  if (!line.startsWith('{')) return null;
  try {
    const { level, time, msg, event, feature, requestId, jobId, ...rest } = JSON.parse(line) as Record<string, unknown>;
    if (typeof time !== 'string' || !logLevels.includes(level as Level)) return null;
    const textOrNull = (value: unknown) => (typeof value === 'string' ? value : null);
    return {
      at: new Date(time),
      level: level as Level,
      message: textOrNull(msg) ?? '',
      event: textOrNull(event),
      feature: textOrNull(feature),
      requestId: textOrNull(requestId),
      jobId: textOrNull(jobId),
      details: Object.keys(rest).length > 0 ? rest : null,
    };
  } catch {
    return null;
  }
}

/** Tells whether a line and its entry are asked for; the text is compared first, so that few lines need to be parsed. */
export function lineFilter({ levels, features, from, to, text }: LogCriteria): (line: string) => LogEntry | null {
  // As it stands in a line of JSON.
  const wanted = text ? JSON.stringify(text).slice(1, -1).toLowerCase() : null;
  return (line) => {
    if (wanted && !line.toLowerCase().includes(wanted)) return null;
    const entry = parseLine(line);
    if (!entry) return null;
    if (levels && !levels.includes(entry.level)) return null;
    if (features && !features.includes(entry.feature ?? '')) return null;
    return (from && entry.at < from) || (to && entry.at > to) ? null : entry;
  };
}
