import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema, type GraphQLEnumType, isObjectType } from 'graphql';
import { describe, expect, test } from 'vitest';
import { packageRoot, settingNames } from '../../server/config/index.js';
import { settingMeta } from '../../server/config/settings.js';
import { cleanEnvironment } from '../support/environment.js';

interface Row {
  manual: string;
  fields: string[];
  tasks: string[];
  commands: string[];
  pages: string[];
  settings: string[];
}

const marked = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
const rows: Row[] = readFileSync(join(packageRoot, 'ops/manual-map.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| Manual'))
  .map((line) => {
    const [manual = '', , graphql = '', command = '', page = '', settings = ''] = line
      .split(/(?<!\\)\|/)
      .slice(1)
      .map((cell) => cell.trim());
    const named = marked(graphql);
    return {
      manual,
      fields: named.filter((name) => name.includes('.')),
      tasks: named.filter((name) => !name.includes('.')),
      commands: marked(command),
      pages: marked(page),
      settings: marked(settings),
    };
  });

const schema = buildSchema(readFileSync(join(packageRoot, 'schema.graphql'), 'utf8'));
const tasks = (schema.getType('MaintenanceTask') as GraphQLEnumType).getValues().map(({ name }) => name);
const help = execFileSync(process.execPath, [join(packageRoot, 'ops/bin/erpfts.cjs'), '--help'], { encoding: 'utf8', env: cleanEnvironment() });
const commands = [...help.matchAll(/^ {2}([a-z-]+)\b/gm)].map((match) => match[1]!);

describe('the map from the manual', () => {
  test.each(rows)('finds $manual here', ({ fields, tasks: named, commands: typed, pages, settings }) => {
    for (const field of fields) {
      const [type = '', name = ''] = field.split('.');
      const found = schema.getType(type);
      expect([field, isObjectType(found) && name in found.getFields()]).toEqual([field, true]);
    }
    for (const task of named) expect(tasks).toContain(task);
    for (const command of typed) expect(commands).toContain(command);
    for (const page of pages) expect([page, existsSync(join(packageRoot, 'console/src/routes', page, '+page.svelte'))]).toEqual([page, true]);
    for (const setting of settings) expect(settingNames).toContain(setting);
    expect(fields.length + typed.length).toBeGreaterThan(0);
  });

  test('names every maintenance task, and every setting that the manual has', () => {
    const mapped = new Set(rows.flatMap((row) => [...row.tasks, ...row.settings]));
    expect(tasks.filter((task) => task !== 'CLEAR_CACHE' && task !== 'REBUILD_FULLTEXT' && !mapped.has(task))).toEqual([]);
    expect(settingNames.filter((name) => settingMeta(name).manual !== undefined && !mapped.has(name))).toEqual([]);
  });
});
