import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { type z } from 'zod';
import { packageRoot } from './package-root.js';
import { type SettingName, settingMeta, settingNames, type Settings, settingsSchema } from './settings.js';

/** A setting with a value that is not allowed. The message names the setting, the value and what is allowed. */
export class SettingsError extends Error {}

export type SettingSource = 'environment' | '.env' | 'preset' | 'default';

export interface LoadedSettings {
  settings: Settings;
  /** Where each effective value came from. */
  sources: Readonly<Record<SettingName, SettingSource>>;
}

type Layer = Record<string, string | undefined>;

function readEnvFile(path: string): Layer {
  return existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {};
}

function describe(issue: z.core.$ZodIssue, raw: string): string {
  const name = String(issue.path[0]) as SettingName;
  const meta = settingMeta(name);
  const shown = meta.secret ? '(hidden)' : JSON.stringify(raw);
  const unit = meta.unit ? ` (${meta.unit})` : '';
  return `${name}=${shown} is not allowed: ${issue.message}${unit}. ${meta.about}`;
}

/** A warning beyond what is critical would never be heard. */
function contradictionsIn(settings: Settings): string[] {
  return (['CPU', 'MEMORY', 'RESPONSE', 'ERROR', 'DISK'] as const).flatMap((what) => {
    const [warning, critical] = [settings[`ALERT_${what}_WARNING`], settings[`ALERT_${what}_CRITICAL`]];
    if (warning <= critical) return [];
    return [`ALERT_${what}_WARNING=${warning} is not allowed: it lies beyond ALERT_${what}_CRITICAL=${critical}. Lower the first or raise the second.`];
  });
}

/**
 * Layers the environment over `.env` over the preset that ERPFTS_ENV names over the defaults.
 * @throws SettingsError naming every setting whose value is not allowed
 */
export function loadSettings(env: Layer = process.env, envFile = '.env'): LoadedSettings {
  const dotenv = readEnvFile(envFile);
  const presetName = env['ERPFTS_ENV'] ?? dotenv['ERPFTS_ENV'] ?? 'default';
  const preset = presetName === 'default' ? {} : readEnvFile(join(packageRoot, 'ops/env', `${presetName}.env`));
  const layers: [SettingSource, Layer][] = [
    ['environment', env],
    ['.env', dotenv],
    ['preset', preset],
  ];
  const raw: Record<string, string> = {};
  const sources = {} as Record<SettingName, SettingSource>;
  for (const name of settingNames) {
    // An empty value means "not set", as `NAME=` lines in .env files are commonly meant.
    const found = layers.find(([, layer]) => (layer[name] ?? '') !== '');
    if (found) raw[name] = found[1][name] ?? '';
    sources[name] = found?.[0] ?? 'default';
  }
  const parsed = settingsSchema.safeParse(raw);
  if (parsed.success) {
    const contradictions = contradictionsIn(parsed.data);
    if (contradictions.length > 0) throw new SettingsError(contradictions.join('\n'));
    return { settings: Object.freeze(parsed.data), sources };
  }
  throw new SettingsError(parsed.error.issues.map((issue) => describe(issue, raw[String(issue.path[0])] ?? '')).join('\n'));
}
