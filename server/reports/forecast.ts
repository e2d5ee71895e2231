export interface Forecast {
  freeBytes: number | null;
  /** How fast the free space shrinks; negative where it grows. */
  bytesPerDay: number | null;
  /** When nothing is left at this rate; null where it does not shrink, or nobody can tell yet. */
  fullAt: Date | null;
}

const dayMs = 24 * 3_600_000;
/** A trend over less than that is none. */
const shortestMs = dayMs / 4;
/** Beyond that a straight line says nothing. */
const furthestMs = 5 * 365 * dayMs;

/** When the disk is full, by the straight line that fits the free space best (least squares). */
export function forecast(points: { at: Date; freeBytes: number }[]): Forecast {
  const last = points.at(-1);
  if (!last) return { freeBytes: null, bytesPerDay: null, fullAt: null };
  const first = points[0]!;
  if (last.at.getTime() - first.at.getTime() < shortestMs) return { freeBytes: last.freeBytes, bytesPerDay: null, fullAt: null };
  const x = points.map(({ at }) => (at.getTime() - first.at.getTime()) / dayMs);
  const y = points.map(({ freeBytes }) => freeBytes);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(x), mean(y)];
  const spread = x.reduce((sum, value) => sum + (value - meanX) ** 2, 0);
  const slope = spread === 0 ? 0 : x.reduce((sum, value, i) => sum + (value - meanX) * (y[i]! - meanY), 0) / spread;
  const msLeft = slope < 0 ? (last.freeBytes / -slope) * dayMs : Infinity;
  return { freeBytes: last.freeBytes, bytesPerDay: -slope, fullAt: msLeft <= furthestMs ? new Date(last.at.getTime() + msLeft) : null };
}
