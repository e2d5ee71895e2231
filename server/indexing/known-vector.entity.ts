import { Column, Entity, PrimaryColumn } from 'typeorm';
import { blobColumn, dateColumn } from '../platform/database/index.js';

/** A vector that came with an imported library, by the hash of the text it was made of: 32-bit floats, little endian. */
@Entity('known_vectors')
export class KnownVectorEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  hash!: string;

  @PrimaryColumn({ type: 'varchar', length: 200 })
  model!: string;

  @Column(blobColumn())
  vector!: Buffer;

  @Column(dateColumn({ name: 'kept_at' }))
  keptAt!: Date;
}
