import { Arg, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import { JobType, jobView } from '../jobs/index.js';
import { Language, pageSize } from '../platform/http/graphql-types.js';
import { say, type Saying } from '../platform/saying.js';
import { type BackupJobs } from './backup-jobs.js';
import { BackupKindName, BackupPolicy, BackupType, backupView, ProofType, RestorePreview, SavedDocumentType } from './backup.type.js';
import { type BackupOverview } from './overview.js';
import { type BackupsService } from './backups.service.js';

const inEnglish = { defaultValue: Language.EN, nullable: true };
const tell = (problems: Saying[], language: Language | null) => problems.map((problem) => say(problem, language ?? Language.EN));

@Resolver(() => ProofType)
export class ProofResolver {
  @FieldResolver(() => [String], { description: 'What did not come back as it was.' })
  problems(@Root() { problems }: ProofType, @Arg('language', () => Language, inEnglish) language: Language | null): string[] {
    return tell(problems, language);
  }
}

@Resolver(() => BackupType)
export class BackupResolver {
  constructor(
    private readonly backups: BackupsService,
    private readonly overview: BackupOverview,
    private readonly jobs: BackupJobs,
  ) {}

  @FieldResolver(() => [String], { description: 'What is wrong with it.' })
  problems(@Root() { problems }: BackupType, @Arg('language', () => Language, inEnglish) language: Language | null): string[] {
    return tell(problems, language);
  }

  @Query(() => [BackupType], { name: 'backups', description: 'Newest first.' })
  async list(): Promise<BackupType[]> {
    return (await this.backups.list()).map(backupView);
  }

  @Query(() => BackupPolicy)
  backupPolicy(
    @Arg('kind', () => BackupKindName, { defaultValue: BackupKindName.FULL, nullable: true, description: 'What `neededBytes` is told of.' })
    kind: BackupKindName | null,
  ): Promise<BackupPolicy> {
    return this.overview.policy(kind ?? 'FULL');
  }

  @Query(() => RestorePreview, { description: 'What `restoreBackup` would change. Errors: NOT_FOUND.' })
  restorePreview(@Arg('id', () => ID) id: string): Promise<RestorePreview> {
    return this.overview.preview(id, (manifest, status) => this.jobs.requireRestorable(manifest, status));
  }

  @Query(() => [SavedDocumentType], {
    description: 'Documents that a backup can bring back, by title. Errors: NOT_FOUND; BAD_USER_INPUT for a wrong page size, or a key that does not open it.',
  })
  savedDocuments(
    @Arg('backupId', () => ID) backupId: string,
    @Arg('text', () => String, { nullable: true, description: 'Only those whose title or file name holds this.' }) text: string | null,
    @Arg('first', () => Int, { defaultValue: 20, nullable: true }) first: number | null,
  ): Promise<SavedDocumentType[]> {
    return this.overview.savedDocuments(backupId, text, pageSize(first ?? 20));
  }

  @Mutation(() => JobType, {
    description: 'Saves, checks every byte, and proves a complete backup by restoring it beside. Errors: CONFLICT while a restore is under way.',
  })
  async createBackup(
    @Arg('kind', () => BackupKindName, { defaultValue: BackupKindName.FULL, nullable: true }) kind: BackupKindName | null,
    @Arg('withVectors', () => Boolean, { defaultValue: false, nullable: true, description: 'A LIBRARY takes its vectors along.' }) withVectors: boolean | null,
  ): Promise<JobType> {
    return jobView(await this.jobs.start({ action: 'SAVE', kind: kind ?? 'FULL', withVectors: withVectors ?? false }));
  }

  @Mutation(() => JobType, { description: 'Compares every byte with what was written. Errors: NOT_FOUND, CONFLICT while a restore is under way.' })
  async verifyBackup(
    @Arg('id', () => ID) id: string,
    @Arg('prove', () => Boolean, { defaultValue: false, nullable: true, description: 'Also restores it beside and compares answers; for a FULL one.' })
    prove: boolean | null,
  ): Promise<JobType> {
    return jobView(await this.jobs.startVerification(id, prove ?? false));
  }

  @Mutation(() => JobType, {
    description:
      'Exchanges the present state for that of a backup: made ready beside, then the server starts anew. The present state is set aside for RESTORE_KEEP_DAYS and comes back where anything fails. Errors: NOT_FOUND; BAD_USER_INPUT where `confirm` is not the id; CONFLICT for a backup that cannot be restored here.',
  })
  async restoreBackup(@Arg('id', () => ID) id: string, @Arg('confirm', () => String, { description: 'The id once more.' }) confirm: string): Promise<JobType> {
    return jobView(await this.jobs.startRestore(id, confirm));
  }

  @Mutation(() => JobType, {
    description:
      'Takes documents out of a backup or an exported library into this one; they are read again. What is here stays as it is, and conflicts are the result of the job. Errors: NOT_FOUND, CONFLICT while a restore is under way.',
  })
  async importFromBackup(
    @Arg('id', () => ID) id: string,
    @Arg('documentIds', () => [ID], { nullable: true, description: 'Only these; all, with the golden queries, without.' }) documentIds: string[] | null,
    @Arg('dryRun', () => Boolean, { defaultValue: false, nullable: true, description: 'Says what would happen, and does nothing.' }) dryRun: boolean | null,
  ): Promise<JobType> {
    await this.backups.require(id);
    return jobView(await this.jobs.start({ action: 'IMPORT', id, documentIds, dryRun: dryRun ?? false }));
  }

  @Mutation(() => Boolean, { description: 'Deletes a backup and, unless `keepCopy`, its copy in the object storage. Errors: NOT_FOUND.' })
  async deleteBackup(
    @Arg('id', () => ID) id: string,
    @Arg('keepCopy', () => Boolean, { defaultValue: false, nullable: true }) keepCopy: boolean | null,
  ): Promise<boolean> {
    await this.jobs.remove(id, keepCopy ?? false);
    return true;
  }
}
