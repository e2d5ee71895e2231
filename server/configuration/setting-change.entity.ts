import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { dateColumn } from '../platform/database/index.js';

/** A setting that had another value at the start before. */
@Entity('setting_changes')
export class SettingChangeEntity {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  @Column({ type: 'varchar', length: 60 })
  name!: string;

  /** Masked where it is a secret; null where there was no such setting. */
  @Column({ type: 'text', name: 'value_before', nullable: true })
  before!: string | null;

  @Column({ type: 'text', name: 'value_after', nullable: true })
  after!: string | null;

  @Index('setting_changes_at')
  @Column(dateColumn())
  at!: Date;
}
