import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { dateColumn, jsonColumn } from '../platform/database/index.js';

export const reportKinds = ['PERFORMANCE', 'LOG_ANALYSIS', 'CAPACITY', 'UPDATE_CHECK'] as const;
export type ReportKind = (typeof reportKinds)[number];

export interface Report {
  /** Figures under headings, as they are printed. */
  sections: { title: string; rows: [name: string, value: string | number | null][] }[];
  charts: { title: string; unit: string; points: [at: string, value: number][] }[];
}

/** What was found over some time, kept to be looked back on. */
@Entity('reports')
@Index('reports_created', ['createdAt', 'id'])
export class ReportEntity {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  @Column({ type: 'varchar', length: 40 })
  kind!: ReportKind;

  @Column(dateColumn({ name: 'from_at' }))
  from!: Date;

  @Column(dateColumn({ name: 'to_at' }))
  to!: Date;

  @Column(dateColumn({ name: 'created_at' }))
  createdAt!: Date;

  @Column(jsonColumn())
  content!: Report;
}
