import { settingGroups } from './setting-types.js';
import { settingMeta, settingNames, settingsSchema } from './settings.js';

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '' : JSON.stringify(value);
  return String(value);
}

/** Text of `.env.example`: every setting with its default commented out. A test fails when the file drifts. */
export function renderEnvExample(): string {
  const defaults = settingsSchema.parse({}) as Record<string, unknown>;
  const lines = [
    '# Settings of ERPFTS. Nothing needs setting for a first run: copy to .env and uncomment what you change.',
    '# Generated from server/config/settings.ts by `npm run generate`.',
  ];
  for (const group of settingGroups) {
    lines.push('', `## ${group}`);
    for (const name of settingNames.filter((candidate) => settingMeta(candidate).group === group)) {
      const meta = settingMeta(name);
      lines.push('', `# ${meta.about}${meta.unit ? ` Unit: ${meta.unit}.` : ''}`);
      if (meta.manual) lines.push(`# In the manual: ${meta.manual}`);
      // The machine's own core count would make the file differ from machine to machine.
      lines.push(name === 'EMBEDDING_WORKERS' ? '#EMBEDDING_WORKERS=' : `#${name}=${shown(defaults[name])}`);
    }
  }
  return lines.join('\n') + '\n';
}
