import { Field, Float, ID, Int, ObjectType, registerEnumType } from 'type-graphql';
import { DateTime } from '../platform/http/graphql-types.js';
import { type Saying } from '../platform/saying.js';
import { type Backup } from './backup-folder.js';

export enum BackupKindName {
  FULL = 'FULL',
  DATABASE = 'DATABASE',
  VECTORS = 'VECTORS',
  CONFIG = 'CONFIG',
  LIBRARY = 'LIBRARY',
}
registerEnumType(BackupKindName, {
  name: 'BackupKind',
  description: 'What is saved: everything; documents and database without vectors; vectors; settings without secrets; documents for another installation.',
});

export enum BackupStateName {
  UNCHECKED = 'UNCHECKED',
  GOOD = 'GOOD',
  BAD = 'BAD',
}
registerEnumType(BackupStateName, { name: 'BackupState', description: 'GOOD: every byte was read again and is what was written.' });

@ObjectType('BackupProof', { simpleResolvers: true, description: 'A restore that was tried beside the live system, and compared with what was saved.' })
export class ProofType {
  @Field(() => DateTime)
  at!: Date;

  @Field(() => Boolean)
  ok!: boolean;

  @Field(() => Float)
  tookMs!: number;

  @Field(() => Int, { description: 'Questions that were asked of the restored system.' })
  queries!: number;

  @Field(() => Float, { description: 'Share of the three best saved answers to each that were among its ten, 0..1.' })
  agreement!: number;

  @Field(() => Float, { description: 'Most memory the process of the proof has had, bytes.' })
  peakMemoryBytes!: number;

  @Field(() => Float, { description: 'The same of its vector store.' })
  vectorStoreBytes!: number;

  /** Told in the language that is asked for. */
  problems!: Saying[];
}

@ObjectType('Backup', { simpleResolvers: true, description: 'Downloaded, with all it needs, at /backups/<id>/archive.' })
export class BackupType {
  @Field(() => ID)
  id!: string;

  @Field(() => BackupKindName)
  kind!: string;

  @Field(() => BackupStateName)
  state!: string;

  @Field(() => DateTime, { description: 'When the data was taken.' })
  createdAt!: Date;

  @Field(() => Float)
  tookMs!: number;

  @Field(() => Float, { description: 'Size of its own files and of the originals it needs, which it shares with others.' })
  bytes!: number;

  @Field(() => Float, { description: 'Bytes of originals that it has added to those shared.' })
  newOriginalBytes!: number;

  @Field(() => String, { description: 'Version of the product.' })
  version!: string;

  @Field(() => Boolean)
  encrypted!: boolean;

  @Field(() => Int)
  documents!: number;

  @Field(() => Int)
  chunks!: number;

  @Field(() => Int)
  vectors!: number;

  @Field(() => Int, { description: 'Originals that were gone already when it was taken.' })
  missingOriginals!: number;

  @Field(() => DateTime, { nullable: true, description: 'When its bytes were last compared with what was written.' })
  checkedAt!: Date | null;

  /** Told in the language that is asked for. */
  problems!: Saying[];

  @Field(() => ProofType, { nullable: true })
  proof!: ProofType | null;

  @Field(() => DateTime, { nullable: true, description: 'When a copy was put into the object storage.' })
  copiedAt!: Date | null;
}

export function backupView({ manifest, status, bytes }: Backup): BackupType {
  const { id, kind, createdAt, tookMs, objects, version, encryption, counts, missing } = manifest;
  return {
    id,
    kind,
    state: status?.state ?? 'UNCHECKED',
    createdAt: new Date(createdAt),
    tookMs,
    bytes,
    newOriginalBytes: objects.newBytes,
    version,
    encrypted: encryption !== null,
    documents: counts.documents,
    chunks: counts.chunks,
    vectors: counts.vectors,
    missingOriginals: missing.length,
    checkedAt: status ? new Date(status.checkedAt) : null,
    problems: status?.problems ?? [],
    proof: status?.proof ? { ...status.proof, at: new Date(status.proof.at) } : null,
    copiedAt: status?.copiedAt ? new Date(status.copiedAt) : null,
  };
}

@ObjectType({ simpleResolvers: true })
export class RetentionRule {
  @Field(() => BackupKindName)
  kind!: string;

  @Field(() => Int, { description: 'Days after which a backup may go.' })
  days!: number;
}

@ObjectType({ simpleResolvers: true, description: 'The next 30 days of the folder, as scheduled, at the sizes of the newest backups.' })
export class BackupForecast {
  @Field(() => Float, { description: 'What all backups will take by then, bytes.' })
  bytes!: number;

  @Field(() => DateTime, { nullable: true, description: 'When their disk would be full; null where it would not.' })
  fullAt!: Date | null;
}

@ObjectType({ simpleResolvers: true, description: 'Where backups go and what is kept of them.' })
export class BackupPolicy {
  @Field(() => String)
  directory!: string;

  @Field(() => Boolean)
  encrypted!: boolean;

  @Field(() => String, { nullable: true, description: 'Object storage that gets copies.' })
  copiedTo!: string | null;

  @Field(() => [RetentionRule])
  rules!: RetentionRule[];

  @Field(() => Int, { description: 'Newest good ones of each kind that stay however old they are.' })
  keepLast!: number;

  @Field(() => Int)
  keepDaily!: number;

  @Field(() => Int)
  keepWeekly!: number;

  @Field(() => Int)
  keepMonthly!: number;

  @Field(() => [ID], { description: 'Backups that the rules would remove now.' })
  wouldRemove!: string[];

  @Field(() => Float, { description: 'What all backups take, bytes.' })
  usedBytes!: number;

  @Field(() => Float)
  freeBytes!: number;

  @Field(() => Float, { description: 'What another backup may need while it is written, bytes.' })
  neededBytes!: number;

  @Field(() => DateTime, { nullable: true, description: 'When the newest good backup that brings documents back was taken.' })
  lastGoodAt!: Date | null;

  @Field(() => DateTime, { nullable: true })
  lastProvenAt!: Date | null;

  @Field(() => Float, { nullable: true })
  lastProofTookMs!: number | null;

  @Field(() => BackupForecast)
  forecast!: BackupForecast;

  @Field(() => [String], { description: 'Folders called like backups whose manifest is damaged.' })
  damaged!: string[];
}

@ObjectType({ simpleResolvers: true, description: 'What a restore would change.' })
export class RestorePreview {
  @Field(() => BackupType)
  backup!: BackupType;

  @Field(() => Int, { description: 'Documents now.' })
  documentsNow!: number;

  @Field(() => Int, { description: 'Documents that are here and not in the backup: they would be gone.' })
  documentsLost!: number;

  @Field(() => Int, { description: 'Documents of the backup that are not here: they would be back.' })
  documentsBack!: number;

  @Field(() => [String], { description: 'Titles of the first of those that would be gone.' })
  lostTitles!: string[];

  @Field(() => String, { nullable: true, description: 'Why it cannot be restored here.' })
  obstacle!: string | null;
}

@ObjectType({ simpleResolvers: true })
export class SavedDocumentType {
  @Field(() => ID)
  id!: string;

  @Field(() => String)
  title!: string;

  @Field(() => Float)
  sizeBytes!: number;

  @Field(() => [String])
  tags!: string[];

  @Field(() => DateTime)
  createdAt!: Date;

  @Field(() => Boolean, { description: 'The same content is in the library now.' })
  present!: boolean;
}
