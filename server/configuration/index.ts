export { ConfigurationResolver } from './configuration.resolver.js';
export { SettingChangeEntity } from './setting-change.entity.js';
export { SettingChanges } from './setting-changes.js';
