import { Column, Entity, type EntityManager, PrimaryColumn } from 'typeorm';

/** Single values that outlive a restart, such as counters. */
@Entity('app_state')
export class AppStateEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  key!: string;

  @Column({ type: 'text' })
  value!: string;
}

/**
 * Raises a counter by `by` within the caller's transaction and returns its value before. The row is made first: a writer
 * who found none to raise could meet the row another had just made, and hand out the same numbers.
 */
export async function takeFromCounter(tx: EntityManager, key: string, by: number): Promise<number> {
  await tx.sql`INSERT INTO app_state (key, value) VALUES (${key}, '0') ON CONFLICT (key) DO NOTHING`;
  await tx.sql`UPDATE app_state SET value = CAST(CAST(value AS BIGINT) + CAST(${by} AS BIGINT) AS TEXT) WHERE key = ${key}`;
  const state = await tx.findOneByOrFail(AppStateEntity, { key });
  return Number(state.value) - by;
}
