import { integer, schedule, share, text, url } from './setting-types.js';

/** Settings of backups and restores. */
export const backupSettings = {
  BACKUP_DIR: text().default('').meta({
    group: 'Backup',
    about: 'Folder that backups are written to, best on another disk; empty takes backups in DATA_DIR.',
    manual: 'BACKUP_DIR',
  }),
  BACKUP_PASSPHRASE: text()
    .refine((value) => value === '' || value.length >= 12, 'must have at least 12 characters')
    .default('')
    .meta({ group: 'Backup', secret: true, about: 'Encrypts backups (age); without it they cannot be read: keep it elsewhere. Empty encrypts nothing.' }),
  BACKUP_KEY_FILE: text().default('').meta({
    group: 'Backup',
    about: 'File with an age identity, as age-keygen writes it, that encrypts backups in place of BACKUP_PASSPHRASE; keep a copy elsewhere.',
  }),
  BACKUP_DATABASE_SCHEDULE: schedule()
    .default('0 2 * * *')
    .meta({ group: 'Backup', about: 'When documents and database are saved; off never.', manual: 'crontab 0 2 * * * backup_sqlite.sh' }),
  BACKUP_VECTORS_SCHEDULE: schedule()
    .default('0 3 * * *')
    .meta({ group: 'Backup', about: 'When the vectors are saved; off never.', manual: 'crontab 0 3 * * * backup_chromadb.sh' }),
  BACKUP_CONFIG_SCHEDULE: schedule()
    .default('0 1 * * 0')
    .meta({ group: 'Backup', about: 'When the settings, without secrets, are saved; off never.', manual: 'crontab 0 1 * * 0 config' }),
  BACKUP_FULL_SCHEDULE: schedule()
    .default('0 6 1 * *')
    .meta({ group: 'Backup', about: 'When everything is saved, and the restore of it proven; off never.', manual: 'backup_complete.sh, monthly' }),
  BACKUP_PROOF_SCHEDULE: schedule()
    .default('0 6 * * 6')
    .meta({ group: 'Backup', about: 'When the restore of the newest complete backup is proven again; off never.' }),
  BACKUP_DATABASE_DAYS: integer(1, 36_500)
    .default(30)
    .meta({ group: 'Backup', unit: 'days', about: 'How long backups are kept, but for those of vectors.', manual: 'find -mtime +30' }),
  BACKUP_VECTORS_DAYS: integer(1, 36_500)
    .default(14)
    .meta({ group: 'Backup', unit: 'days', about: 'How long backups of vectors are kept.', manual: 'find -mtime +14' }),
  BACKUP_KEEP_LAST: integer(1, 1000).default(3).meta({ group: 'Backup', about: 'Newest good backups of each kind that are kept however old they are.' }),
  BACKUP_KEEP_DAILY: integer(0, 1000).default(7).meta({ group: 'Backup', about: 'Days whose newest good backup of each kind is kept beyond its age.' }),
  BACKUP_KEEP_WEEKLY: integer(0, 1000).default(4).meta({ group: 'Backup', about: 'The same for weeks.' }),
  BACKUP_KEEP_MONTHLY: integer(0, 1000).default(12).meta({ group: 'Backup', about: 'The same for months.' }),
  BACKUP_MAX_AGE_HOURS: share(0, 87_600).default(26).meta({
    group: 'Backup',
    unit: 'hours',
    about: 'Age of the last good backup of documents and database from which an alert is raised; 0 raises none.',
  }),
  BACKUP_PROOF_MAX_AGE_DAYS: share(0, 3650)
    .default(35)
    .meta({ group: 'Backup', unit: 'days', about: 'Age of the last proven restore from which an alert is raised; 0 raises none.' }),
  BACKUP_S3_URL: url('http:', 'https:')
    .refine((value) => value === '' || new URL(value).pathname.length > 1, 'must name a bucket, as in https://s3.example.org/bucket/folder')
    .default('')
    .meta({
      group: 'Backup',
      about: 'Storage that speaks S3 and gets a copy of each backup: endpoint, bucket and a folder of this installation alone; empty sends nothing.',
    }),
  BACKUP_S3_REGION: text().default('us-east-1').meta({ group: 'Backup', about: 'Its region.' }),
  BACKUP_S3_ACCESS_KEY: text().default('').meta({ group: 'Backup', secret: true, about: 'Its access key.' }),
  BACKUP_S3_SECRET_KEY: text().default('').meta({ group: 'Backup', secret: true, about: 'The secret to it.' }),
  RESTORE_KEEP_DAYS: integer(1, 3650)
    .default(7)
    .meta({ group: 'Backup', unit: 'days', about: 'How long the state that a restore has set aside is kept in DATA_DIR/set-aside.' }),
};
