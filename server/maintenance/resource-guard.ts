import { type HealthCheck } from '../health/index.js';
import { type Sample } from '../metrics/index.js';
import { type Logger } from '../platform/logging/index.js';
import { type Saying } from '../platform/saying.js';

export interface GuardParts {
  /** Least free space, bytes. */
  minFreeBytes: number;
  /** What all our processes together may take, bytes; 0 sets no limit. */
  memoryBudgetBytes: number;
  /** Share of the machine's memory from which it is told where there is no budget, 0..1. */
  highMemoryShare: number;
  /** Holds ingestion, or lets it go on. */
  hold: (held: boolean) => void;
  /** What goes on: told where memory is short. Times in milliseconds. */
  doing: () => Record<string, unknown>;
  log: Logger;
}

/** What is looked at; null where the machine does not tell. */
export type Room = Pick<Sample['values'], 'diskFreeBytes' | 'allMemoryBytes' | 'hostMemoryShare'>;

const mebibyte = 1024 ** 2;
const warnedShare = 0.9;
const pausedShare = 0.95;
/** Before it goes on there must be so much more room than made it pause. */
const resumedShare = 0.85;
const resumedFree = 1.1;
/** Memory that goes to and fro around its limit is told once: it must have fallen so far below to be told again. */
const toldAgainShare = 0.95;

const diskRemedy = {
  en: 'Make room: run CLEAN_TEMP and VACUUM, or remove documents. It goes on by itself.',
  ja: '空きを作ってください（CLEAN_TEMP と VACUUM を実行する、文書を減らす）。取り込みは自動的に再開します。',
};
const memoryRemedy = {
  en: 'It goes on by itself once memory is given back. If that takes long, raise MEMORY_BUDGET_MB, lower EMBEDDING_WORKERS or PARSER_WORKERS, or set EMBEDDING_LOW_MEMORY=true.',
  ja: 'メモリが空くと自動的に再開します。長引く場合は MEMORY_BUDGET_MB を増やすか、EMBEDDING_WORKERS・PARSER_WORKERS を減らすか、EMBEDDING_LOW_MEMORY=true にしてください。',
};
const budgetRemedy = {
  en: 'Raise MEMORY_BUDGET_MB, or set EMBEDDING_LOW_MEMORY=true, and restart: this is what the product takes at rest, so that it does not go on by itself.',
  ja: 'MEMORY_BUDGET_MB を増やすか EMBEDDING_LOW_MEMORY=true にして再起動してください。待機中の使用量がすでに予算を超えているため、自動では再開しません。',
};

/** Lets ingestion pause before the disk or the memory runs out, and go on by itself. */
export class ResourceGuard {
  #reason: Exclude<Saying, string> | null = null;
  #remedy = diskRemedy;
  #isHigh = false;
  /** Our processes take more than the budget allows although nothing was taken in yet. */
  #isTooSmall = false;
  #hasObserved = false;

  constructor(private readonly parts: GuardParts) {}

  observe(values: Room): void {
    const { minFreeBytes, memoryBudgetBytes, highMemoryShare, log } = this.parts;
    const { diskFreeBytes, allMemoryBytes, hostMemoryShare } = values;
    const limitShare = this.#isHigh ? toldAgainShare : 1;
    const isHigh =
      memoryBudgetBytes > 0
        ? (allMemoryBytes ?? 0) > memoryBudgetBytes * warnedShare * limitShare
        : hostMemoryShare !== null && hostMemoryShare > highMemoryShare * limitShare;
    if (isHigh && !this.#isHigh)
      log.warn(
        { event: 'high_memory', memoryBytes: allMemoryBytes, budgetBytes: memoryBudgetBytes || null, hostMemoryShare, ...this.parts.doing() },
        memoryBudgetBytes > 0 ? 'our processes take most of MEMORY_BUDGET_MB' : 'the memory of the machine is in use beyond ALERT_MEMORY_WARNING',
      );
    this.#isHigh = isHigh;
    const held = this.#reason !== null;
    const diskIsLow = diskFreeBytes !== null && diskFreeBytes < minFreeBytes * (held ? resumedFree : 1);
    const memoryIsHigh = memoryBudgetBytes > 0 && (allMemoryBytes ?? 0) > memoryBudgetBytes * (held ? resumedShare : pausedShare);
    const reason = diskIsLow
      ? {
          en: `Ingestion pauses: the disk has ${Math.floor(diskFreeBytes / mebibyte)} MB left, fewer than DISK_MIN_FREE_BYTES allows.`,
          ja: `取り込みを一時停止しています。ディスクの空きが ${Math.floor(diskFreeBytes / mebibyte)} MB で、DISK_MIN_FREE_BYTES を下回っています。`,
        }
      : memoryIsHigh
        ? {
            en: `Ingestion pauses: our processes take ${Math.floor((allMemoryBytes ?? 0) / mebibyte)} MB of the ${Math.floor(memoryBudgetBytes / mebibyte)} MB of MEMORY_BUDGET_MB.`,
            ja: `取り込みを一時停止しています。プロセスの合計が ${Math.floor((allMemoryBytes ?? 0) / mebibyte)} MB に達しました（MEMORY_BUDGET_MB は ${Math.floor(memoryBudgetBytes / mebibyte)} MB）。`,
          }
        : null;
    this.#reason = reason;
    if (memoryIsHigh && !this.#hasObserved) this.#isTooSmall = true;
    else if (!memoryIsHigh) this.#isTooSmall = false;
    this.#hasObserved = true;
    this.#remedy = diskIsLow ? diskRemedy : this.#isTooSmall ? budgetRemedy : memoryRemedy;
    if ((reason !== null) === held) return;
    this.parts.hold(reason !== null);
    if (reason) log.warn({ event: 'ingestion_paused' }, reason.en);
    else log.info({ event: 'ingestion_resumed' }, 'ingestion goes on');
  }

  healthCheck(): HealthCheck {
    return {
      name: 'ingestion',
      timeoutMs: 1000,
      essential: false,
      check: () =>
        Promise.resolve(
          this.#reason
            ? {
                status: 'DEGRADED',
                message: this.#reason,
                remedy: this.#remedy,
              }
            : { status: 'HEALTHY' },
        ),
    };
  }
}
