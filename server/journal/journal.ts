import { type EntityManager } from 'typeorm';
import { AppStateEntity, type Database } from '../platform/database/index.js';
import { currentScope } from '../platform/logging/index.js';

export enum SystemEventKind {
  STARTED = 'STARTED',
  STARTED_AFTER_CRASH = 'STARTED_AFTER_CRASH',
  STOPPED = 'STOPPED',
  SETTINGS_CHANGED = 'SETTINGS_CHANGED',
  MAINTENANCE_BEGAN = 'MAINTENANCE_BEGAN',
  MAINTENANCE_ENDED = 'MAINTENANCE_ENDED',
}

export interface SystemEvent {
  id: string;
  at: Date;
  kind: SystemEventKind;
  /** Who did it; system for what nobody did. */
  by: string;
  detail: string | null;
}

type Kept = Omit<SystemEvent, 'at'> & { at: string };

const key = 'journal';
const mostKept = 200;
const lifecycle = new Set([SystemEventKind.STARTED, SystemEventKind.STARTED_AFTER_CRASH, SystemEventKind.STOPPED]);

/** What happened to the system itself, beside its jobs and alerts: the last 200 events. */
export class Journal {
  constructor(private readonly database: Database) {}

  async note(kind: SystemEventKind, detail: string | null = null): Promise<void> {
    await this.database.write((tx) => this.noteWith(tx, kind, detail));
  }

  /** In the transaction of what happens: neither is there without the other. */
  async noteWith(tx: EntityManager, kind: SystemEventKind, detail: string | null): Promise<void> {
    await this.#change(tx, (events) => [this.#event(kind, detail, events), ...events]);
  }

  /** A start, which tells whether the run before was stopped in order. */
  async noteStart(version: string): Promise<void> {
    const add = (events: Kept[]) => {
      const last = events.find(({ kind }) => lifecycle.has(kind));
      const crashed = last !== undefined && last.kind !== SystemEventKind.STOPPED;
      return [this.#event(crashed ? SystemEventKind.STARTED_AFTER_CRASH : SystemEventKind.STARTED, version, events), ...events];
    };
    await this.database.write((tx) => this.#change(tx, add));
  }

  /** Newest first. */
  async list(since: Date | null = null): Promise<SystemEvent[]> {
    const row = await this.database.read.findOneBy(AppStateEntity, { key });
    const events = row ? (JSON.parse(row.value) as Kept[]) : [];
    return events.map(({ at, ...rest }) => ({ ...rest, at: new Date(at) })).filter(({ at }) => since === null || at >= since);
  }

  #event(kind: SystemEventKind, detail: string | null, events: Kept[]): Kept {
    const number = Number(events[0]?.id ?? 0) + 1;
    return { id: String(number), at: new Date().toISOString(), kind, by: currentScope().actor ?? 'system', detail };
  }

  async #change(tx: EntityManager, change: (events: Kept[]) => Kept[]): Promise<void> {
    await this.database.lock(tx, key);
    const row = await tx.findOneBy(AppStateEntity, { key });
    const events = change(row ? (JSON.parse(row.value) as Kept[]) : []).slice(0, mostKept);
    await tx.save(Object.assign(new AppStateEntity(), { key, value: JSON.stringify(events) }));
  }
}
