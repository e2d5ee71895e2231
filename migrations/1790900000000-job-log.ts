import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** What a job has done, step by step. */
export class JobLog1790900000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE jobs ADD COLUMN log text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE jobs DROP COLUMN log');
  }
}
