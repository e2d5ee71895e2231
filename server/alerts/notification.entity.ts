import { Column, Entity, PrimaryColumn } from 'typeorm';
import { dateColumn, jsonColumn } from '../platform/database/index.js';

/** Something that people are still to be told by a channel. */
@Entity('pending_notifications')
export class PendingNotificationEntity {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  /** `webhook` or `mail` */
  @Column({ type: 'varchar', length: 20 })
  channel!: string;

  @Column(jsonColumn())
  notification!: Record<string, unknown>;

  @Column(dateColumn({ name: 'created_at' }))
  createdAt!: Date;
}
