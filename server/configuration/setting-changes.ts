import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type LoadedSettings, maskedSettings } from '../config/index.js';
import { type Journal, SystemEventKind } from '../journal/index.js';
import { AppStateEntity, type Database } from '../platform/database/index.js';
import { SettingChangeEntity } from './setting-change.entity.js';

const key = 'settings.last_start';
const mostListed = 200;

interface Remembered {
  /** Makes the marks of secrets useless for guessing them. */
  salt: string;
  values: Record<string, { shown: string; mark: string }>;
}

/** Remembers which settings the server was started with, so that what changed, and when, can be seen beside the metrics. */
export class SettingChanges {
  constructor(
    private readonly database: Database,
    private readonly loaded: LoadedSettings,
    private readonly journal: Journal,
  ) {}

  /** Compares with the start before; the first start has nothing to compare with. */
  async record(at = new Date()): Promise<void> {
    const row = await this.database.read.findOneBy(AppStateEntity, { key });
    const before = row ? (JSON.parse(row.value) as Remembered) : null;
    const salt = before?.salt ?? randomBytes(16).toString('hex');
    const settings = this.loaded.settings as Readonly<Record<string, unknown>>;
    const values = Object.fromEntries(
      maskedSettings(this.loaded).map(({ name, value: shown }) => {
        const mark = createHash('sha256')
          .update(`${salt} ${name} ${JSON.stringify(settings[name])}`)
          .digest('hex');
        return [name, { shown, mark }];
      }),
    );
    // A setting that a new version brought was not changed by anybody.
    const changed = before ? Object.entries(values).filter(([name, { mark }]) => before.values[name] && before.values[name].mark !== mark) : [];
    await this.database.write(async (tx) => {
      await tx.save(Object.assign(new AppStateEntity(), { key, value: JSON.stringify({ salt, values } satisfies Remembered) }));
      for (const [name, { shown }] of changed)
        await tx.insert(SettingChangeEntity, { id: randomUUID(), name, before: before?.values[name]?.shown ?? null, after: shown, at });
      if (changed.length > 0) await this.journal.noteWith(tx, SystemEventKind.SETTINGS_CHANGED, changed.map(([name]) => name).join(', '));
    });
  }

  /** Takes down what was changed without a restart. */
  async note(name: string, before: string, after: string, at = new Date()): Promise<void> {
    await this.database.write(async (tx) => {
      await tx.insert(SettingChangeEntity, { id: randomUUID(), name, before, after, at });
      await this.journal.noteWith(tx, SystemEventKind.SETTINGS_CHANGED, name);
    });
  }

  /** Newest first, at most 200. */
  list(): Promise<SettingChangeEntity[]> {
    return this.database.read.find(SettingChangeEntity, { order: { at: 'DESC', name: 'ASC' }, take: mostListed });
  }
}
