import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** Vectors of one model are read in the order of their chunks: an index over models alone had all of them sorted for each handful. */
export class VectorsByNumber1790400000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX chunk_vectors_model');
    await runner.query('CREATE INDEX chunk_vectors_model ON chunk_vectors (model, chunk_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX chunk_vectors_model');
    await runner.query('CREATE INDEX chunk_vectors_model ON chunk_vectors (model)');
  }
}
