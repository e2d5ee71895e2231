import { type Client, type ClientConfig } from 'pg';

/** A connection of its own. The driver is loaded when first used: most installations have SQLite. */
export async function connectPostgres(config: ClientConfig): Promise<Client> {
  const { default: pg } = await import('pg');
  const client = new pg.Client(config);
  await client.connect();
  return client;
}
