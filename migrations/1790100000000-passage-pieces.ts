import { type MigrationInterface, type QueryRunner } from 'typeorm';
import { blobType } from '../server/platform/database/index.js';

/** A second, finer grain of vectors: where the pieces of a chunk lie, and their packed vectors beside the chunk's own. */
export class PassagePieces1790100000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE chunks ADD COLUMN pieces text NOT NULL DEFAULT '[]'`);
    await runner.query(`ALTER TABLE chunk_vectors ADD COLUMN pieces ${blobType(runner.connection.options.type)}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE chunk_vectors DROP COLUMN pieces');
    await runner.query('ALTER TABLE chunks DROP COLUMN pieces');
  }
}
