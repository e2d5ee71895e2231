import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { dateColumn } from '../platform/database/index.js';
import { type Saying, sayingColumn } from '../platform/saying.js';

export type Severity = 'WARNING' | 'CRITICAL';

/** Something that is, or was, not as it should be. While it lasts there is one a rule. */
@Entity('alerts')
@Index('alerts_raised', ['raisedAt', 'id'])
@Index('alerts_open', ['rule'], { unique: true, where: 'resolved_at IS NULL' })
export class AlertEntity {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  /** What was broken: a threshold (`disk`), a part (`health:vector_db`) or a task (`task:VACUUM`). */
  @Column({ type: 'varchar', length: 100 })
  rule!: string;

  @Column({ type: 'varchar', length: 10 })
  severity!: Severity;

  @Column({ type: 'text', transformer: sayingColumn })
  message!: Saying;

  @Column({ type: 'double precision', nullable: true })
  value!: number | null;

  @Column({ type: 'double precision', nullable: true })
  threshold!: number | null;

  @Column({ type: 'text', nullable: true, transformer: sayingColumn })
  remedy!: Saying | null;

  @Column(dateColumn({ name: 'raised_at' }))
  raisedAt!: Date;

  /** When its severity or state changed last. */
  @Column(dateColumn({ name: 'changed_at' }))
  changedAt!: Date;

  @Column(dateColumn({ name: 'acknowledged_at', nullable: true }))
  acknowledgedAt!: Date | null;

  @Column({ type: 'varchar', length: 100, name: 'acknowledged_by', nullable: true })
  acknowledgedBy!: string | null;

  @Column(dateColumn({ name: 'silenced_until', nullable: true }))
  silencedUntil!: Date | null;

  @Column(dateColumn({ name: 'resolved_at', nullable: true }))
  resolvedAt!: Date | null;
}
