import { type QueryResultRow } from 'pg';
import { connectPostgres } from '../postgres-client.js';
import { asidePrefix, started } from '../saving/source.js';

async function administer<T extends QueryResultRow>(url: string, statements: string[]): Promise<T[]> {
  const client = await connectPostgres({ connectionString: url, application_name: 'erpfts restore' });
  try {
    let rows: T[] = [];
    await client.query('BEGIN');
    for (const statement of statements) ({ rows } = await client.query<T>(statement));
    await client.query('COMMIT');
    return rows;
  } finally {
    await client.end();
  }
}

const schemas = (url: string, like: string) =>
  administer<{ name: string }>(url, [`SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE '${like}' ORDER BY nspname`]);
/** `aside` is an ISO 8601 time with dashes. */
const schemaOf = (aside: string) => `${asidePrefix}${aside.toLowerCase().replace(/[^a-z0-9]/g, '_')}`;

/** Puts a dump into the schema public, which is emptied before: done twice it is the same. In one transaction, by a tool that runs nothing but SQL. */
export async function putIntoPostgres(dump: string, url: string): Promise<void> {
  await administer(url, ['DROP SCHEMA IF EXISTS public CASCADE', 'CREATE SCHEMA public']);
  const tool = await started(
    'pg_restore',
    ['--no-owner', '--no-privileges', '--single-transaction', '--exit-on-error', '--dbname', new URL(url).pathname.slice(1), dump],
    url,
  );
  tool.stdout.resume();
  await tool.ended;
}

/** Sets all tables aside, however damaged they are: the schema gets another name, and an empty one takes its place. */
export async function setSchemaAside(url: string, aside: string): Promise<void> {
  const name = schemaOf(aside);
  if ((await schemas(url, name)).length > 0) return;
  await administer(url, [`ALTER SCHEMA public RENAME TO "${name}"`, 'CREATE SCHEMA public']);
}

/** Puts back what was set aside, if it was. */
export async function bringSchemaBack(url: string, aside: string): Promise<void> {
  const name = schemaOf(aside);
  if ((await schemas(url, name)).length === 0) return;
  await administer(url, ['DROP SCHEMA IF EXISTS public CASCADE', `ALTER SCHEMA "${name}" RENAME TO public`]);
}

/** Drops what was set aside but for what belongs to these. */
export async function dropSchemasAside(url: string, keep: string[]): Promise<void> {
  const kept = new Set(keep.map(schemaOf));
  for (const { name } of await schemas(url, `${asidePrefix}%`)) if (!kept.has(name)) await administer(url, [`DROP SCHEMA "${name}" CASCADE`]);
}
