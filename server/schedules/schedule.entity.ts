import { Column, Entity, PrimaryColumn } from 'typeorm';
import { dateColumn } from '../platform/database/index.js';

/** What an operator decided about a schedule, and how far it has come. */
@Entity('schedules')
export class ScheduleEntity {
  @PrimaryColumn({ type: 'varchar', length: 40 })
  name!: string;

  @Column({ type: 'boolean' })
  enabled!: boolean;

  /** The moment it was last due and run for, or first seen. */
  @Column(dateColumn({ name: 'last_run_at', nullable: true }))
  lastRunAt!: Date | null;
}
