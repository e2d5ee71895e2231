import { createHash } from 'node:crypto';
import { AppError, messageOf } from '../../platform/errors.js';
import { connectPostgres } from '../postgres-client.js';

/** Lends a database of its own on the server of `url`, which needs the right to create one; SQLite needs none. */
export async function withScratchDatabase<T>(url: string, work: (databaseUrl: string) => Promise<T>): Promise<T> {
  if (!url) return work('');
  // The same each time: one that a kill has left is dropped by the next.
  const name = `erpfts_proof_${createHash('sha256').update(url).digest('hex').slice(0, 12)}`;
  const administration = async (sql: string) => {
    const client = await connectPostgres({ connectionString: url });
    await client.query(sql).finally(() => client.end());
  };
  try {
    await administration(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    await administration(`CREATE DATABASE "${name}"`);
  } catch (error) {
    throw new AppError(
      'UNAVAILABLE',
      { en: `No database can be made to try the restore in: ${messageOf(error)}`, ja: `復元を試すためのデータベースを作れません: ${messageOf(error)}。` },
      { en: 'Give the user of DATABASE_URL the right CREATEDB.', ja: 'DATABASE_URL のユーザーに CREATEDB 権限を与えてください。' },
    );
  }
  const own = new URL(url);
  own.pathname = `/${name}`;
  try {
    return await work(own.href);
  } finally {
    await administration(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
  }
}
