import { Between, In, LessThan, Not } from 'typeorm';
import { type Database } from '../platform/database/index.js';
import { badInput } from '../platform/errors.js';
import { MetricSampleEntity } from './metric-sample.entity.js';
import { combined, type SampleValues, seriesNames } from './series.js';

export interface HistoryPoint extends SampleValues {
  at: Date;
}

export interface HistorySettings {
  /** Between two samples, seconds. */
  rawSeconds: number;
  /** How long the coarsest values are kept, days. */
  retentionDays: number;
}

const minute = 60;
const hour = 3600;
const day = 24 * hour;
/** How long each resolution is kept; the hours, as long as the setting says. */
const rawKept = day;
const minutesKept = 7 * day;
const mostPoints = 2000;
const usualPoints = 300;
const rolledUpEverySeconds = 60;

const inSeconds = (date: Date) => Math.floor(date.getTime() / 1000);
/** Six digits are more than any reading is worth, and a third of the space. */
const rounded = (value: number | null) => (value === null ? null : Number(value.toPrecision(6)));

/** Samples over time: as they come for a day, by the minute for a week, by the hour beyond. */
export class MetricsHistory {
  #rolledUpAt = 0;

  constructor(
    private readonly database: Database,
    private readonly settings: HistorySettings,
  ) {}

  async add(at: Date, values: SampleValues): Promise<void> {
    const seconds = inSeconds(at);
    await this.#keep([{ resolution: this.#raw, at: seconds, values: seriesNames.map((name) => rounded(values[name])) }]);
    if (seconds - this.#rolledUpAt < rolledUpEverySeconds) return;
    this.#rolledUpAt = seconds;
    await this.#rollUp(this.#raw, minute, seconds);
    await this.#rollUp(minute, hour, seconds);
    await this.#forget(seconds);
  }

  /**
   * Points of `step` seconds from `from` until `to`; those without a sample are left out. Without a step, at most 300 points.
   * @throws AppError BAD_USER_INPUT for a range that ends before it begins, or more than 2000 points
   */
  async read(from: Date, to: Date, step: number | null): Promise<HistoryPoint[]> {
    const [first, last] = [inSeconds(from), inSeconds(to)];
    if (last <= first)
      throw badInput(
        {
          en: `The range ends at ${to.toISOString()}, before it begins at ${from.toISOString()}.`,
          ja: `期間の終わり（${to.toISOString()}）が始まり（${from.toISOString()}）より前です。`,
        },
        { en: 'Exchange its ends.', ja: '始まりと終わりを入れ替えてください。' },
      );
    if (step !== null && step < 1)
      throw badInput({ en: `step must be at least 1 second, not ${step}.`, ja: `step は 1 秒以上にしてください（${step} は不可）。` });
    const width = Math.max(step ?? Math.ceil((last - first) / usualPoints), this.#raw);
    if ((last - first) / width > mostPoints)
      throw badInput(
        {
          en: `A step of ${width} s over this range makes more than ${mostPoints} points.`,
          ja: `この期間を ${width} 秒ごとにすると ${mostPoints} 点を超えます。`,
        },
        { en: 'Take a longer step or a shorter range.', ja: 'step を長くするか、期間を短くしてください。' },
      );
    const buckets = new Map<number, { resolution: number; rows: MetricSampleEntity[] }>();
    // Where finer values are gone, or not yet rolled up, the others fill in.
    let covered: { from: number; to: number } | null = null;
    for (const resolution of this.#resolutionsFor(width)) {
      const spans: [number, number][] = covered
        ? [
            [first, covered.from - 1],
            [covered.to, last - 1],
          ]
        : [[first, last - 1]];
      const rows = (await Promise.all(spans.filter(([from, to]) => from <= to).map((span) => this.#rows(resolution, span)))).flat();
      if (rows.length > 0 && !covered) covered = { from: rows[0]!.at, to: rows.at(-1)!.at + resolution };
      for (const row of rows) {
        const start = row.at - (row.at % width);
        const bucket = buckets.get(start);
        if (!bucket) buckets.set(start, { resolution, rows: [row] });
        else if (bucket.resolution === resolution) bucket.rows.push(row);
      }
    }
    return [...buckets]
      .sort(([a], [b]) => a - b)
      .map(([start, { resolution, rows }]) => ({
        at: new Date(Math.max(start, first) * 1000),
        ...combined(
          rows.map(({ values }) => named(values)),
          Math.min(1, resolution / width),
        ),
      }));
  }

  /**
   * All values from `from` until `to` as one; null where there are none.
   * @throws AppError BAD_USER_INPUT for a range that ends before it begins
   */
  async summary(from: Date, to: Date): Promise<HistoryPoint | null> {
    // As fine as points go: a coarser value may be of a time that begins before the range.
    const points = await this.read(from, to, Math.max(1, Math.ceil((inSeconds(to) - inSeconds(from)) / mostPoints)));
    return points.length > 0 ? { ...combined(points), at: from } : null;
  }

  #rows(resolution: number, [from, to]: [number, number]): Promise<MetricSampleEntity[]> {
    return this.database.read.find(MetricSampleEntity, { where: { resolution, at: Between(from, to) }, order: { at: 'ASC' } });
  }

  /** What the history takes, in rows and about how many bytes. */
  async size(): Promise<{ samples: number; bytes: number }> {
    const [row] = (await this.database.read.query(`SELECT count(*) AS samples, coalesce(sum(length("values") + 16), 0) AS bytes FROM metric_samples`)) as {
      samples: number | string;
      bytes: number | string;
    }[];
    return { samples: Number(row?.samples ?? 0), bytes: Number(row?.bytes ?? 0) };
  }

  get #raw(): number {
    return this.settings.rawSeconds;
  }

  /** The coarsest that still tells the steps apart, then what is finer, then what is coarser and kept longer. */
  #resolutionsFor(step: number): number[] {
    const all = [...new Set([this.#raw, minute, hour])];
    const fitting = all.filter((resolution) => resolution <= step).reverse();
    return [...fitting, ...all.filter((resolution) => !fitting.includes(resolution))];
  }

  async #rollUp(from: number, to: number, now: number): Promise<void> {
    if (from >= to) return;
    const newest = await this.database.read.findOne(MetricSampleEntity, { where: { resolution: to }, order: { at: 'DESC' } });
    const begin = newest ? newest.at + to : 0;
    const end = now - (now % to);
    if (begin >= end) return;
    const rows = await this.database.read.find(MetricSampleEntity, { where: { resolution: from, at: Between(begin, end - 1) }, order: { at: 'ASC' } });
    const groups = new Map<number, MetricSampleEntity[]>();
    for (const row of rows) {
      const start = row.at - (row.at % to);
      const group = groups.get(start);
      if (group) group.push(row);
      else groups.set(start, [row]);
    }
    await this.#keep(
      [...groups].map(([at, members]) => {
        const values = combined(
          members.map((member) => named(member.values)),
          from / to,
        );
        return { resolution: to, at, values: seriesNames.map((name) => rounded(values[name])) };
      }),
    );
  }

  async #keep(rows: MetricSampleEntity[]): Promise<void> {
    if (rows.length > 0) await this.database.write((tx) => tx.upsert(MetricSampleEntity, rows, ['resolution', 'at']));
  }

  async #forget(now: number): Promise<void> {
    // Samples as long as a minute are kept as long as minutes are.
    const limits = new Map([
      [this.#raw, rawKept],
      [minute, minutesKept],
      [hour, this.settings.retentionDays * day],
    ]);
    await this.database.write(async (tx) => {
      for (const [resolution, kept] of limits)
        await tx.delete(MetricSampleEntity, { resolution, at: LessThan(now - Math.min(kept, this.settings.retentionDays * day)) });
      // What another setting of the interval has left.
      await tx.delete(MetricSampleEntity, { resolution: Not(In([...limits.keys()])), at: LessThan(now - rawKept) });
    });
  }
}

function named(values: (number | null)[]): Partial<SampleValues> {
  return Object.fromEntries(seriesNames.map((name, index) => [name, values[index] ?? null]));
}
