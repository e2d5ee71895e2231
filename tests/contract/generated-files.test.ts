import { buildSchema, findBreakingChanges, type GraphQLObjectType } from 'graphql';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadSettings, packageRoot, renderEnvExample, SettingsError } from '../../server/config/index.js';
import { permissions, rootFields } from '../../server/access/index.js';

const read = (path: string) => readFileSync(join(packageRoot, path), 'utf8');
/** Printed by the built program, whose decorators' metadata comes from the compiler. */
const printed = execFileSync(
  process.execPath,
  ['--input-type=module', '-e', "import { renderSchema } from './dist/server/schema.js'; process.stdout.write(renderSchema());"],
  { cwd: packageRoot },
).toString();

test('schema.graphql is what the code prints', () => {
  expect(read('schema.graphql')).toBe(printed);
});

test('the schema breaks no client of the last release', () => {
  expect(findBreakingChanges(buildSchema(read('tests/contract/released.graphql')), buildSchema(read('schema.graphql')))).toEqual([]);
});

test('.env.example is what the settings print', () => {
  expect(read('.env.example')).toBe(renderEnvExample());
});

test('every root field names its permission, and no permission is left over', () => {
  const schema = buildSchema(printed);
  const fields = rootFields(schema);
  const named = Object.keys(permissions).filter((name) => /^\w+\.\w+$/.test(name));
  expect(fields.filter((field) => !named.includes(field))).toEqual([]);
  const isField = (name: string) => {
    const [type, field] = name.split('.');
    return field! in ((schema.getType(type!) as GraphQLObjectType | undefined)?.getFields() ?? {});
  };
  expect(named.filter((name) => !isField(name))).toEqual([]);
});

test('a wrong setting is refused by name, value and what is allowed', () => {
  const load = () => loadSettings({ PORT: '99999', SQLITE_JOURNAL_MODE: 'SOMETIMES', ADMIN_API_KEY: 'short' }, 'no-such-file');
  expect(load).toThrow(SettingsError);
  expect(load).toThrow(/PORT="99999".*65535/s);
  expect(load).toThrow(/SQLITE_JOURNAL_MODE="SOMETIMES".*WAL/s);
  expect(load).not.toThrow(/short"/);
});

test.each([
  ['FETCH_ALLOWED_NETWORKS', '10.1.0.0', 'CIDR'],
  ['CORS_ORIGINS', '["https://kb.example.org/page"]', 'origin'],
  ['CORS_ORIGINS', 'kb.example.org', 'origin'],
  ['ALLOWED_HOSTS', 'https://kb.example.org', 'host name'],
])('a list is refused for one item: %s=%s', (name, value, allowed) => {
  expect(() => loadSettings({ [name]: value }, 'no-such-file')).toThrow(new RegExp(`${name}=.*${allowed}`, 's'));
});

test.each([
  ['development', 'debug', 'memory', false],
  ['staging', 'info', 'redis', true],
  ['production', 'warn', 'redis', true],
])('the preset %s holds the manual’s values', (name, level, cache, limiting) => {
  const { settings } = loadSettings({ ERPFTS_ENV: name }, 'no-such-file');
  expect([settings.LOG_LEVEL, settings.CACHE_BACKEND, settings.RATE_LIMITING]).toEqual([level, cache, limiting]);
});

test('English and Japanese have the same messages', () => {
  const keys = (language: string) => Object.keys(JSON.parse(read(`console/messages/${language}.json`)) as object).sort();
  expect(keys('ja')).toEqual(keys('en'));
});
