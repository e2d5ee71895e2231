import { type MigrationInterface, type QueryRunner } from 'typeorm';
import { blobType } from '../server/platform/database/index.js';

/** Where the words of a passage lie, found when it is taken in. */
export class WordParts1791000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE chunk_terms ADD COLUMN words ${blobType(runner.connection.options.type)}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE chunk_terms DROP COLUMN words');
  }
}
