import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** How a new generation of the index scored beside the one that answered. */
export class GenerationComparison1790300000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE index_generations ADD COLUMN comparison text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE index_generations DROP COLUMN comparison');
  }
}
