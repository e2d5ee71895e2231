import { randomUUID } from 'node:crypto';
import { LessThan } from 'typeorm';
import { type LogEntry } from '../logs/index.js';
import { type HistoryPoint, type SeriesName } from '../metrics/index.js';
import { type Clock } from '../platform/clock.js';
import { type Database } from '../platform/database/index.js';
import { notFound, ToldError } from '../platform/errors.js';
import { type Connection } from '../platform/http/graphql-types.js';
import { newestFirst } from '../platform/http/index.js';
import { JobEntity } from '../platform/queue/index.js';
import { forecast, type Forecast } from './forecast.js';
import { type Report, ReportEntity, type ReportKind } from './report.entity.js';

export interface ReportParts {
  database: Database;
  history: (from: Date, to: Date, stepSeconds: number) => Promise<HistoryPoint[]>;
  /** Log entries, newest first. */
  logEntries: () => AsyncIterable<LogEntry>;
  /** Bytes by what they are for. */
  sizes: () => Promise<Record<string, number>>;
  /** Address that tells the newest version as JSON, `{ "version": "1.2.3" }`; empty asks nobody. */
  updateUrl: string;
  version: string;
  clock: Clock;
  alertsRaised: (from: Date, to: Date) => Promise<number>;
}

const dayMs = 24 * 3_600_000;
const hourSeconds = 3600;
const keptDays = 730;
const forecastAgeMs = 300_000;
const spans: Record<ReportKind, number> = { PERFORMANCE: 7, LOG_ANALYSIS: 30, CAPACITY: 30, UPDATE_CHECK: 0 };

/** Makes and keeps reports. */
export class ReportsService {
  /** The line through a month does not move within minutes. */
  #kept: { at: number; value: Promise<Forecast> } | null = null;

  constructor(private readonly parts: ReportParts) {}

  /** Makes a report of the days that end now: 7 for performance, 30 for capacity, and for logs 30 or as many as are kept. */
  async make(kind: ReportKind, to = this.parts.clock.now()): Promise<ReportEntity> {
    const from = new Date(to.getTime() - spans[kind] * dayMs);
    const makers: Record<ReportKind, (from: Date, to: Date) => Promise<Report & { since?: Date }>> = {
      PERFORMANCE: (begin, end) => this.#performance(begin, end),
      LOG_ANALYSIS: (begin, end) => this.#logs(begin, end),
      CAPACITY: (begin, end) => this.#capacity(begin, end),
      UPDATE_CHECK: () => this.#updates(),
    };
    // Logs are kept by size: they may not reach back as far as is asked for, and the report says how far they do.
    const { since = from, ...content } = await makers[kind](from, to);
    const report = Object.assign(new ReportEntity(), { id: randomUUID(), kind, from: since, to, createdAt: to, content });
    await this.parts.database.write(async (tx) => {
      await tx.save(report);
      await tx.delete(ReportEntity, { createdAt: LessThan(new Date(to.getTime() - keptDays * dayMs)) });
    });
    return report;
  }

  list(first: number, after: string | null, kinds: ReportKind[] | null): Promise<Connection<ReportEntity>> {
    const filtered = () => {
      const query = this.parts.database.read.createQueryBuilder(ReportEntity, 'report').where('1 = 1');
      return kinds ? query.andWhere(kinds.length > 0 ? 'report.kind IN (:...kinds)' : '1 = 0', { kinds }) : query;
    };
    return newestFirst(filtered, { column: 'createdAt', of: ({ createdAt }) => createdAt }, first, after);
  }

  async require(id: string): Promise<ReportEntity> {
    const report = await this.parts.database.read.findOneBy(ReportEntity, { id });
    if (!report) throw notFound('report', id);
    return report;
  }

  /** When the disk will be full, by the last 30 days. */
  diskForecast(now = this.parts.clock.now()): Promise<Forecast> {
    const kept = this.#kept;
    if (kept && now.getTime() - kept.at < forecastAgeMs && now.getTime() >= kept.at) return kept.value;
    const value = this.#forecast(now);
    value.catch(() => (this.#kept = null));
    this.#kept = { at: now.getTime(), value };
    return value;
  }

  async #forecast(now: Date): Promise<Forecast> {
    return forecast(freeSpace(await this.parts.history(new Date(now.getTime() - 30 * dayMs), now, hourSeconds)));
  }

  async #performance(from: Date, to: Date): Promise<Report> {
    const points = await this.parts.history(from, to, hourSeconds);
    const chart = (title: string, unit: string, name: SeriesName): Report['charts'][number] => ({ title, unit, points: valuesOf(points, name) });
    const summary = (title: string, name: SeriesName): [string, number | null][] => {
      const values = valuesOf(points, name).map(([, value]) => value);
      const sum = values.reduce((total, value) => total + value, 0);
      return [
        [`${title}, mean`, values.length > 0 ? sum / values.length : null],
        [`${title}, highest`, values.length > 0 ? Math.max(...values) : null],
      ];
    };
    // The mean of a step's rate, times the seconds it was measured in, is how many there were.
    const seconds = points.map(({ at, sampledShare }, i) =>
      sampledShare === null ? Math.min(hourSeconds, ((points[i + 1]?.at ?? to).getTime() - at.getTime()) / 1000) : sampledShare * hourSeconds,
    );
    const times = (name: SeriesName) => Math.round(points.reduce((total, point, i) => total + (point[name] ?? 0) * seconds[i]!, 0));
    const jobs = await this.#jobs(from, to);
    return {
      sections: [
        {
          title: 'Usage',
          rows: [
            ['Searches', times('searchesPerSecond')],
            ['Requests', times('requestsPerSecond')],
            ['Passages taken in', times('chunksPerSecond')],
            ['Documents', valuesOf(points, 'documents').at(-1)?.[1] ?? null],
            ['Alerts raised', await this.parts.alertsRaised(from, to)],
          ],
        },
        {
          title: 'Time and load',
          rows: [
            ...summary('Search p50, ms', 'searchP50Ms'),
            ...summary('Search p95, ms', 'searchP95Ms'),
            ...summary('Request p95, ms', 'requestP95Ms'),
            ...summary('Error share', 'errorShare'),
            ...summary('Processor share', 'hostCpuShare'),
            ...summary('Memory of our processes, bytes', 'allMemoryBytes'),
            ...summary('Disk in use, share', 'diskUsedShare'),
          ],
        },
        {
          title: 'Cache',
          rows: (['search', 'embedding', 'metadata'] as const).flatMap((kind) => {
            const [hits, misses] = [times(`${kind}CacheHitsPerSecond`), times(`${kind}CacheMissesPerSecond`)];
            return [
              [`${kind}, looked up`, hits + misses],
              [`${kind}, share of hits`, hits + misses > 0 ? hits / (hits + misses) : null],
            ] as [string, number | null][];
          }),
        },
        { title: 'Jobs', rows: jobs },
      ],
      charts: [
        chart('Search p95', 'ms', 'searchP95Ms'),
        chart('Searches a second', '1/s', 'searchesPerSecond'),
        chart('Processor', 'share', 'hostCpuShare'),
        chart('Memory of our processes', 'bytes', 'allMemoryBytes'),
      ],
    };
  }

  async #jobs(from: Date, to: Date): Promise<[string, number][]> {
    const rows = await this.parts.database.read
      .createQueryBuilder(JobEntity, 'job')
      .select(['job.kind AS kind', 'job.status AS status', 'count(*) AS n'])
      .where('job.createdAt >= :from AND job.createdAt < :to', { from: from.toISOString(), to: to.toISOString() })
      .groupBy('job.kind')
      .addGroupBy('job.status')
      .orderBy('job.kind')
      .getRawMany<{ kind: string; status: string; n: number | string }>();
    return rows.map(({ kind, status, n }) => [`${kind}, ${status.toLowerCase()}`, Number(n)]);
  }

  async #logs(from: Date, to: Date): Promise<Report & { since: Date }> {
    let since = to;
    const levels = new Map<string, number>();
    const messages = new Map<string, number>();
    const days = new Map<string, number>();
    for await (const { at, level, message, event, feature } of this.parts.logEntries()) {
      if (at < from) break;
      if (at > to) continue;
      since = at;
      const count = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1);
      count(levels, level);
      if (level === 'warn' || level === 'error' || level === 'fatal') {
        count(messages, `${feature ? `${feature}: ` : ''}${event ?? message}`);
        count(days, at.toISOString().slice(0, 10));
      }
    }
    const commonest = [...messages].sort(([, a], [, b]) => b - a).slice(0, 30);
    return {
      since,
      sections: [
        { title: 'Lines by level', rows: [...levels] },
        { title: 'Commonest warnings and errors', rows: commonest },
      ],
      charts: [
        {
          title: 'Warnings and errors a day',
          unit: '',
          points: [...days].sort(([a], [b]) => a.localeCompare(b)).map(([day, n]) => [`${day}T00:00:00.000Z`, n]),
        },
      ],
    };
  }

  async #capacity(from: Date, to: Date): Promise<Report> {
    const [points, sizes, growth] = await Promise.all([this.parts.history(from, to, hourSeconds), this.parts.sizes(), this.diskForecast(to)]);
    return {
      sections: [
        { title: 'What the data takes, bytes', rows: Object.entries(sizes) },
        {
          title: 'Disk',
          rows: [
            ['Free, bytes', growth.freeBytes],
            ['Shrinks by, bytes a day', growth.bytesPerDay],
            ['Full at this rate', growth.fullAt?.toISOString() ?? 'not to be foreseen'],
          ],
        },
      ],
      charts: [
        { title: 'Free space', unit: 'bytes', points: valuesOf(points, 'diskFreeBytes') },
        { title: 'Passages', unit: '', points: valuesOf(points, 'chunks') },
      ],
    };
  }

  async #updates(): Promise<Report> {
    const { updateUrl, version } = this.parts;
    if (updateUrl === '')
      return {
        sections: [
          {
            title: 'Updates',
            rows: [
              ['Version', version],
              ['Newest', 'not asked: UPDATE_CHECK_URL is not set'],
            ],
          },
        ],
        charts: [],
      };
    const response = await fetch(updateUrl, { signal: AbortSignal.timeout(10_000), headers: { accept: 'application/json' } });
    if (!response.ok) throw new ToldError({ en: `UPDATE_CHECK_URL answered ${response.status}.`, ja: `UPDATE_CHECK_URL が ${response.status} を返しました。` });
    const { version: newest } = (await response.json()) as { version?: unknown };
    if (typeof newest !== 'string')
      throw new ToldError({
        en: 'UPDATE_CHECK_URL does not tell a version: { "version": "1.2.3" } is expected.',
        ja: 'UPDATE_CHECK_URL の応答に版がありません。{ "version": "1.2.3" } の形が必要です。',
      });
    return {
      sections: [
        {
          title: 'Updates',
          rows: [
            ['Version', version],
            ['Newest', newest.slice(0, 50)],
            // Each number of 1.10.0 counts as one, not its digits.
            ['State', newest.localeCompare(version, 'en', { numeric: true }) > 0 ? 'a newer version is there' : 'up to date'],
          ],
        },
      ],
      charts: [],
    };
  }
}

const valuesOf = (points: HistoryPoint[], name: SeriesName): [string, number][] =>
  points.flatMap((point) => (point[name] === null ? [] : [[point.at.toISOString(), point[name]] as [string, number]]));

const freeSpace = (points: HistoryPoint[]) => points.flatMap(({ at, diskFreeBytes }) => (diskFreeBytes === null ? [] : [{ at, freeBytes: diskFreeBytes }]));
