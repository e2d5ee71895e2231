import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** What operators look back on: metrics over time, alerts, runs of schedules, reports. */
export class Operations1790500000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE metric_samples (
      resolution integer NOT NULL,
      at bigint NOT NULL,
      "values" text NOT NULL,
      PRIMARY KEY (resolution, at)
    )`);
    await runner.query(`CREATE TABLE alerts (
      id varchar(36) PRIMARY KEY NOT NULL,
      rule varchar(100) NOT NULL,
      severity varchar(10) NOT NULL,
      message text NOT NULL,
      value double precision,
      threshold double precision,
      remedy text,
      raised_at varchar(30) NOT NULL,
      changed_at varchar(30) NOT NULL,
      acknowledged_at varchar(30),
      acknowledged_by varchar(100),
      silenced_until varchar(30),
      resolved_at varchar(30)
    )`);
    await runner.query('CREATE INDEX alerts_raised ON alerts (raised_at, id)');
    // An alert is raised once: while it lasts there is no second of its rule.
    await runner.query('CREATE UNIQUE INDEX alerts_open ON alerts (rule) WHERE resolved_at IS NULL');
    await runner.query(`CREATE TABLE schedules (
      name varchar(40) PRIMARY KEY NOT NULL,
      enabled boolean NOT NULL,
      last_run_at varchar(30)
    )`);
    await runner.query(`CREATE TABLE reports (
      id varchar(36) PRIMARY KEY NOT NULL,
      kind varchar(40) NOT NULL,
      from_at varchar(30) NOT NULL,
      to_at varchar(30) NOT NULL,
      created_at varchar(30) NOT NULL,
      content text NOT NULL
    )`);
    await runner.query('CREATE INDEX reports_created ON reports (created_at, id)');
    await runner.query(`CREATE TABLE setting_changes (
      id varchar(36) PRIMARY KEY NOT NULL,
      name varchar(60) NOT NULL,
      value_before text,
      value_after text,
      at varchar(30) NOT NULL
    )`);
    await runner.query('CREATE INDEX setting_changes_at ON setting_changes (at)');
    await runner.query('ALTER TABLE jobs ADD COLUMN request_id varchar(64)');
    await runner.query('ALTER TABLE jobs ADD COLUMN owner varchar(100)');
    await runner.query('ALTER TABLE jobs ADD COLUMN reported_at varchar(30)');
    await runner.query(`ALTER TABLE sessions ADD COLUMN role varchar(20) NOT NULL DEFAULT 'ADMINISTRATOR'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE sessions DROP COLUMN role');
    await runner.query('ALTER TABLE jobs DROP COLUMN reported_at');
    await runner.query('ALTER TABLE jobs DROP COLUMN owner');
    await runner.query('ALTER TABLE jobs DROP COLUMN request_id');
    await runner.query('DROP TABLE setting_changes');
    await runner.query('DROP TABLE reports');
    await runner.query('DROP TABLE schedules');
    await runner.query('DROP TABLE alerts');
    await runner.query('DROP TABLE metric_samples');
  }
}
