import { aboutInJapanese, unitsInJapanese } from './about.ja.js';
import { type LoadedSettings, type SettingSource } from './load.js';
import { settingMeta, settingNames } from './settings.js';

export interface ShownSetting {
  name: string;
  value: string;
  source: SettingSource;
  secret: boolean;
  unit: string | null;
  about: string;
  group: string;
}

/** The effective configuration with secrets masked, for people: CLI, GraphQL and console. */
export function maskedSettings({ settings, sources }: LoadedSettings, language: 'en' | 'ja' = 'en'): ShownSetting[] {
  return settingNames.map((name) => {
    const meta = settingMeta(name);
    const value = settings[name];
    const plain = Array.isArray(value) ? JSON.stringify(value) : String(value);
    return {
      name,
      value: meta.secret && plain !== '' ? '••••••••' : plain,
      source: sources[name],
      secret: meta.secret ?? false,
      unit: (language === 'ja' && meta.unit ? unitsInJapanese[meta.unit] : undefined) ?? meta.unit ?? null,
      about: language === 'ja' ? aboutInJapanese[name] : meta.about,
      group: meta.group,
    };
  });
}
