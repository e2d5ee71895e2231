import { type MigrationInterface, type QueryRunner } from 'typeorm';
import { blobType } from '../server/platform/database/index.js';

/** Documents, chunks, full text, jobs, index generations and sessions. */
export class Initial1790000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const dialect = runner.connection.options.type;
    const blob = blobType(dialect);
    const statements = [
      `CREATE TABLE app_state (key varchar(64) PRIMARY KEY NOT NULL, value text NOT NULL)`,
      `CREATE TABLE documents (
        id varchar(36) PRIMARY KEY NOT NULL,
        title text NOT NULL,
        file_name text,
        aliases text NOT NULL,
        source_type varchar(10) NOT NULL,
        mime_type varchar(120) NOT NULL,
        language varchar(10),
        size_bytes bigint NOT NULL,
        page_count integer,
        status varchar(12) NOT NULL,
        error text,
        live_key text,
        sha256 varchar(64),
        url text,
        author text,
        published_at varchar(30),
        created_at varchar(30) NOT NULL,
        updated_at varchar(30) NOT NULL,
        dated_at varchar(30) NOT NULL,
        deleted_at varchar(30),
        revision integer NOT NULL DEFAULT 0,
        last_revision integer NOT NULL DEFAULT 0,
        chunk_count integer NOT NULL DEFAULT 0,
        extraction varchar(20),
        batch_id varchar(64),
        title_edited boolean NOT NULL DEFAULT false
      )`,
      `CREATE UNIQUE INDEX documents_live_key ON documents (live_key)`,
      `CREATE INDEX documents_created ON documents (created_at, id)`,
      `CREATE INDEX documents_status ON documents (status)`,
      `CREATE INDEX documents_sha256 ON documents (sha256)`,
      `CREATE INDEX documents_dated ON documents (dated_at)`,
      `CREATE INDEX documents_batch ON documents (batch_id)`,
      `CREATE TABLE document_tags (
        document_id varchar(36) NOT NULL,
        tag varchar(100) NOT NULL,
        PRIMARY KEY (document_id, tag)
      )`,
      `CREATE INDEX document_tags_tag ON document_tags (tag)`,
      `CREATE TABLE document_texts (
        document_id varchar(36) NOT NULL,
        revision integer NOT NULL,
        text text NOT NULL,
        blocks text NOT NULL,
        facts text NOT NULL,
        PRIMARY KEY (document_id, revision)
      )`,
      `CREATE TABLE chunks (
        id integer PRIMARY KEY NOT NULL,
        document_id varchar(36) NOT NULL,
        revision integer NOT NULL,
        ordinal integer NOT NULL,
        heading_path text NOT NULL,
        page_from integer,
        page_to integer,
        char_start integer NOT NULL,
        char_end integer NOT NULL,
        token_count integer NOT NULL,
        indexed_at varchar(30),
        text text NOT NULL
      )`,
      `CREATE UNIQUE INDEX chunks_document ON chunks (document_id, revision, ordinal)`,
      `CREATE TABLE chunk_vectors (
        chunk_id integer NOT NULL,
        model varchar(200) NOT NULL,
        vector ${blob} NOT NULL,
        PRIMARY KEY (chunk_id, model)
      )`,
      `CREATE INDEX chunk_vectors_model ON chunk_vectors (model)`,
      `CREATE TABLE chunk_terms (
        chunk_id integer PRIMARY KEY NOT NULL,
        document_id varchar(36) NOT NULL,
        revision integer NOT NULL,
        length integer NOT NULL,
        terms ${blob} NOT NULL
      )`,
      `CREATE INDEX chunk_terms_document ON chunk_terms (document_id)`,
      `CREATE TABLE term_statistics (hash bigint PRIMARY KEY NOT NULL, chunks integer NOT NULL)`,
      `CREATE TABLE full_text_statistics (id integer PRIMARY KEY NOT NULL, chunks bigint NOT NULL, terms bigint NOT NULL)`,
      `CREATE TABLE jobs (
        id varchar(36) PRIMARY KEY NOT NULL,
        kind varchar(40) NOT NULL,
        status varchar(12) NOT NULL,
        progress double precision NOT NULL,
        stage varchar(40),
        message text,
        payload text NOT NULL,
        result text,
        error text,
        subject_id varchar(64),
        batch_id varchar(64),
        created_at varchar(30) NOT NULL,
        started_at varchar(30),
        finished_at varchar(30)
      )`,
      `CREATE INDEX jobs_status_kind ON jobs (status, kind, created_at)`,
      `CREATE INDEX jobs_created ON jobs (created_at, id)`,
      `CREATE INDEX jobs_subject ON jobs (subject_id)`,
      `CREATE TABLE index_generations (
        number integer PRIMARY KEY NOT NULL,
        collection varchar(80) NOT NULL,
        model varchar(200) NOT NULL,
        status varchar(10) NOT NULL,
        created_at varchar(30) NOT NULL,
        activated_at varchar(30)
      )`,
      `CREATE TABLE sessions (
        token_hash varchar(64) PRIMARY KEY NOT NULL,
        kind varchar(10) NOT NULL,
        created_at varchar(30) NOT NULL,
        expires_at varchar(30) NOT NULL
      )`,
      dialect === 'postgres'
        ? `CREATE TABLE chunk_fulltext (chunk_id integer PRIMARY KEY NOT NULL, terms tsvector NOT NULL)`
        : `CREATE VIRTUAL TABLE chunk_fulltext USING fts5(terms, content='', contentless_delete=1, detail=none, tokenize='ascii')`,
      ...(dialect === 'postgres' ? [`CREATE INDEX chunk_fulltext_terms ON chunk_fulltext USING gin (terms)`] : []),
    ];
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    const tables = [
      'chunk_fulltext',
      'sessions',
      'index_generations',
      'jobs',
      'full_text_statistics',
      'term_statistics',
      'chunk_terms',
      'chunk_vectors',
      'chunks',
      'document_texts',
      'document_tags',
      'documents',
      'app_state',
    ];
    for (const table of tables) await runner.query(`DROP TABLE ${table}`);
  }
}
