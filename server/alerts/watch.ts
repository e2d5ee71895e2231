import { type AlertEntity } from './alert.entity.js';
import { type Level } from './thresholds.js';

/** What a rule finds over time, and the alert that is open for it. */
export class Watch {
  /** Since when, without a break, it is at least a warning, critical, less than critical, and normal; null where it is not. */
  #warning: number | null = null;
  #critical: number | null = null;
  #milder: number | null = null;
  #normal: number | null = null;

  constructor(
    /** What is found now. */
    public level: Level,
    public alert: AlertEntity | null,
  ) {}

  /** @param now milliseconds */
  find(level: Level, now: number): void {
    const since = (holds: boolean, before: number | null) => (holds ? (before ?? now) : null);
    this.level = level;
    this.#warning = since(level !== 'NORMAL', this.#warning);
    this.#critical = since(level === 'CRITICAL', this.#critical);
    this.#milder = since(level !== 'CRITICAL', this.#milder);
    this.#normal = since(level === 'NORMAL', this.#normal);
  }

  /** The level that has lasted long enough to count; a value that wavers between two of them is at least the milder one. */
  settled(now: number, holdMs: number): Level {
    const lasts = (since: number | null) => since !== null && now - since >= holdMs;
    const before = this.alert?.severity ?? 'NORMAL';
    if (lasts(this.#critical)) return 'CRITICAL';
    if (lasts(this.#normal)) return 'NORMAL';
    if (before === 'NORMAL') return lasts(this.#warning) ? 'WARNING' : 'NORMAL';
    return before === 'CRITICAL' && lasts(this.#milder) && this.#normal === null ? 'WARNING' : before;
  }
}
