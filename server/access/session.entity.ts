import { Column, Entity, PrimaryColumn } from 'typeorm';
import { dateColumn } from '../platform/database/index.js';
import { type Role } from './permissions.js';

/** A browser's session, or a sign-in link not used yet. Only hashes are kept. */
@Entity('sessions')
export class SessionEntity {
  @PrimaryColumn({ type: 'varchar', length: 64, name: 'token_hash' })
  tokenHash!: string;

  @Column({ type: 'varchar', length: 10 })
  kind!: 'LINK' | 'SESSION';

  /** What its holder may do. */
  @Column({ type: 'varchar', length: 20 })
  role!: Role;

  @Column(dateColumn({ name: 'created_at' }))
  createdAt!: Date;

  @Column(dateColumn({ name: 'expires_at' }))
  expiresAt!: Date;
}
