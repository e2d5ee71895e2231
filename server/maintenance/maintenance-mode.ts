import { type Viewer } from '../access/index.js';
import { type Journal, SystemEventKind } from '../journal/index.js';
import { AppStateEntity, type Database } from '../platform/database/index.js';
import { AppError, badInput } from '../platform/errors.js';
import { type Logger } from '../platform/logging/index.js';
import { type PubSub } from '../platform/pubsub/index.js';

export interface MaintenanceModeState {
  enabled: boolean;
  reason: string | null;
  /** When it is expected to end. */
  until: Date | null;
  /** Since when it is what it is. */
  since: Date | null;
}

export interface MaintenanceTopics {
  maintenanceModeChanged: MaintenanceModeState;
}

const key = 'maintenance_mode';
const off: MaintenanceModeState = { enabled: false, reason: null, until: null, since: null };
const longestReason = 500;

/** What readers may still ask: who they are, and how long it lasts. */
const stillAnswered = new Set([
  'Query.viewer',
  'Query.maintenanceMode',
  'Query.health',
  'GET /health/detailed',
  'Mutation.signOut',
  'Subscription.maintenanceModeChanged',
  'Subscription.healthChanged',
]);

/** While it is on, readers are told to wait; operators go on. It outlives a restart. */
export class MaintenanceMode {
  #state = off;

  constructor(
    private readonly database: Database,
    private readonly pubsub: PubSub<MaintenanceTopics>,
    private readonly journal: Journal,
    private readonly log: Logger,
  ) {}

  async open(): Promise<void> {
    const row = await this.database.read.findOneBy(AppStateEntity, { key });
    if (!row) return;
    const { until, since, ...rest } = JSON.parse(row.value) as { enabled: boolean; reason: string | null; until: string | null; since: string | null };
    this.#state = { ...rest, until: until === null ? null : new Date(until), since: since === null ? null : new Date(since) };
  }

  get state(): MaintenanceModeState {
    return this.#state;
  }

  /** @throws AppError BAD_USER_INPUT for an end that is past, or a reason of more than 500 characters */
  async set(enabled: boolean, reason: string | null, until: Date | null): Promise<MaintenanceModeState> {
    if (enabled && until && until <= new Date())
      throw badInput(
        { en: `Maintenance cannot end at ${until.toISOString()}, which is past.`, ja: `終了予定 ${until.toISOString()} は過去の時刻です。` },
        { en: 'Give a time to come, or none.', ja: 'これからの時刻にするか、空にしてください。' },
      );
    if ((reason?.length ?? 0) > longestReason)
      throw badInput(
        {
          en: `The reason has ${reason?.length} characters; ${longestReason} can be shown.`,
          ja: `理由は ${longestReason} 文字までです（${reason?.length} 文字）。`,
        },
        { en: 'Shorten it.', ja: '短くしてください。' },
      );
    const state: MaintenanceModeState = enabled ? { enabled, reason: reason?.trim() || null, until, since: new Date() } : { ...off, since: new Date() };
    await this.database.write(async (tx) => {
      await tx.save(Object.assign(new AppStateEntity(), { key, value: JSON.stringify(state) }));
      if (enabled !== this.#state.enabled)
        await this.journal.noteWith(tx, enabled ? SystemEventKind.MAINTENANCE_BEGAN : SystemEventKind.MAINTENANCE_ENDED, state.reason);
    });
    this.#state = state;
    this.log.info({ event: 'maintenance_mode', enabled, until: state.until }, enabled ? 'maintenance begins' : 'maintenance is over');
    this.pubsub.publish('maintenanceModeChanged', state);
    return state;
  }

  changes(): AsyncIterable<MaintenanceModeState> {
    return this.pubsub.subscribe('maintenanceModeChanged', { initial: [this.#state] });
  }

  /** @throws AppError MAINTENANCE for a reader while it is on */
  admit(viewer: Viewer | null, name: string): void {
    if (!this.#state.enabled || viewer?.role !== 'READER' || stillAnswered.has(name)) return;
    const { reason, until } = this.#state;
    throw new AppError(
      'MAINTENANCE',
      { en: `The system is being maintained${reason ? `: ${reason}` : '.'}`, ja: `メンテナンス中です${reason ? `: ${reason}` : '。'}` },
      until
        ? { en: `It is expected back at ${until.toISOString()}.`, ja: `再開予定は ${until.toISOString()} です。` }
        : { en: 'Try again later.', ja: 'しばらくしてからお試しください。' },
    );
  }
}
