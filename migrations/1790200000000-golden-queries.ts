import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** Questions with known answers, and the scores the live index got for them. */
export class GoldenQueries1790200000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE golden_queries (
      id varchar(36) PRIMARY KEY NOT NULL,
      query text NOT NULL,
      document_ids text NOT NULL,
      created_at varchar(30) NOT NULL,
      last_rank integer
    )`);
    await runner.query('CREATE UNIQUE INDEX golden_queries_query ON golden_queries (query)');
    await runner.query('CREATE INDEX golden_queries_created ON golden_queries (created_at, id)');
    await runner.query(`CREATE TABLE golden_runs (
      id varchar(36) PRIMARY KEY NOT NULL,
      at varchar(30) NOT NULL,
      model varchar(200) NOT NULL,
      generation integer NOT NULL,
      queries integer NOT NULL,
      ndcg double precision NOT NULL,
      recall double precision NOT NULL,
      mrr double precision NOT NULL,
      vector_ndcg double precision NOT NULL,
      alert text
    )`);
    await runner.query('CREATE INDEX golden_runs_at ON golden_runs (at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE golden_runs');
    await runner.query('DROP TABLE golden_queries');
  }
}
