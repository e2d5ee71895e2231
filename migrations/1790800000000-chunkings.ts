import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** Passages cut in several ways beside one another: what was there before is of the first. */
export class Chunkings1790800000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const statements = [
      `CREATE TABLE chunkings (
        number integer PRIMARY KEY NOT NULL,
        max_tokens integer NOT NULL,
        overlap double precision NOT NULL,
        piece_tokens integer NOT NULL
      )`,
      `CREATE TABLE document_chunkings (
        document_id varchar(36) NOT NULL,
        chunking integer NOT NULL,
        revision integer NOT NULL,
        source_revision integer NOT NULL,
        chunk_count integer NOT NULL,
        PRIMARY KEY (document_id, chunking)
      )`,
      'CREATE INDEX document_chunkings_chunking ON document_chunkings (chunking)',
      ...['chunks', 'chunk_terms', 'index_generations'].map((table) => `ALTER TABLE ${table} ADD COLUMN chunking integer NOT NULL DEFAULT 1`),
    ];
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['index_generations', 'chunk_terms', 'chunks']) await runner.query(`ALTER TABLE ${table} DROP COLUMN chunking`);
    await runner.query('DROP TABLE document_chunkings');
    await runner.query('DROP TABLE chunkings');
  }
}
