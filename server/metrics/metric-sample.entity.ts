import { Column, Entity, PrimaryColumn, type PrimaryColumnOptions } from 'typeorm';
import { jsonColumn, wideIntegerColumn } from '../platform/database/index.js';

/** Values of all series over `resolution` seconds that begin at `at`. */
@Entity('metric_samples')
export class MetricSampleEntity {
  @PrimaryColumn({ type: 'integer' })
  resolution!: number;

  /** Seconds since 1970. */
  @PrimaryColumn(wideIntegerColumn() as PrimaryColumnOptions)
  at!: number;

  /** In the order of `series`; shorter where a row is older than a series. */
  @Column(jsonColumn())
  values!: (number | null)[];
}
