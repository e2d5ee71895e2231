export { renderEnvExample } from './env-example.js';
export { loadSettings, type LoadedSettings, SettingsError } from './load.js';
export { maskedSettings, type ShownSetting } from './masking.js';
export { packageRoot, version } from './package-root.js';
export { type Settings, settingNames } from './settings.js';
