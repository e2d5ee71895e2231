import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** What people are still to be told of alerts. */
export class PendingNotifications1790700000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE pending_notifications (
      id varchar(36) PRIMARY KEY NOT NULL,
      channel varchar(20) NOT NULL,
      notification text NOT NULL,
      created_at varchar(30) NOT NULL
    )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE pending_notifications');
  }
}
