import { type MigrationInterface, type QueryRunner } from 'typeorm';
import { blobType } from '../server/platform/database/index.js';

/** Vectors that came with an imported library, until its documents have been taken in. */
export class KnownVectors1790600000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE known_vectors (
      hash varchar(64) NOT NULL,
      model varchar(200) NOT NULL,
      vector ${blobType(runner.connection.options.type)} NOT NULL,
      kept_at varchar(30) NOT NULL,
      PRIMARY KEY (hash, model)
    )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE known_vectors');
  }
}
