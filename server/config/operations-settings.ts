import { z } from 'zod';
import { flag, integer, listOf, logLevel, schedule, share, text, isTimeZone, url } from './setting-types.js';

/** Settings of watching and maintaining the product. */
export const operationsSettings = {
  LOG_LEVEL: logLevel()
    .default('info')
    .meta({ group: 'Logging and monitoring', about: 'trace, debug, info, warn (WARNING), error or fatal (CRITICAL).', manual: 'LOG_LEVEL' }),
  LOG_FILE_MAX_BYTES: integer(10_000, 10 * 1024 ** 3)
    .default(10_485_760)
    .meta({ group: 'Logging and monitoring', unit: 'bytes', about: 'Size from which a log file is put aside.', manual: 'maxBytes' }),
  LOG_FILE_COUNT: integer(1, 100)
    .default(5)
    .meta({ group: 'Logging and monitoring', about: 'Log files kept beside the one that is written.', manual: 'backupCount' }),
  PERFORMANCE_MONITORING: flag().default(true).meta({
    group: 'Logging and monitoring',
    about:
      'Samples the machine and the server: without it there are no metrics over time and no alerts by thresholds. Ingestion pauses before disk or memory runs out all the same.',
    manual: 'PERFORMANCE_MONITORING / monitoring.enabled',
  }),
  OTLP_TRACES_URL: url('http:', 'https:').default('').meta({
    group: 'Logging and monitoring',
    about: 'Address of an OpenTelemetry collector that gets a span of every operation and job, e.g. http://127.0.0.1:4318/v1/traces; empty sends none.',
  }),
  SLOW_QUERY_THRESHOLD: share(0.01, 600).default(2).meta({
    group: 'Logging and monitoring',
    unit: 's',
    about: 'Searches and other operations slower than this are logged as slow_query.',
    manual: 'slow_query_threshold',
  }),
  METRICS_INTERVAL_SECONDS: integer(1, 60)
    .default(5)
    .meta({ group: 'Logging and monitoring', unit: 's', about: 'How often a sample of the metrics is taken and kept.' }),
  METRICS_RETENTION_DAYS: integer(1, 3650).default(30).meta({
    group: 'Logging and monitoring',
    unit: 'days',
    about: 'How long metrics are kept: as sampled for a day, by the minute for a week, by the hour beyond.',
    manual: 'metrics_retention_days',
  }),
  HEALTH_INTERVAL_MS: integer(250, 600_000).default(5000).meta({ group: 'Logging and monitoring', unit: 'ms', about: 'How often the parts are checked.' }),
  ALERT_CPU_WARNING: share(0, 1).default(0.7).meta({ group: 'Alerts', unit: 'share', about: 'Processor of the machine in use.', manual: 'CPU 70 %' }),
  ALERT_CPU_CRITICAL: share(0, 1).default(0.85).meta({ group: 'Alerts', unit: 'share', about: 'The same, critical.', manual: 'CPU 85 %' }),
  ALERT_MEMORY_WARNING: share(0, 1).default(0.8).meta({ group: 'Alerts', unit: 'share', about: 'Memory of the machine in use.', manual: 'memory 80 %' }),
  ALERT_MEMORY_CRITICAL: share(0, 1).default(0.9).meta({ group: 'Alerts', unit: 'share', about: 'The same, critical.', manual: 'memory 90 %' }),
  ALERT_RESPONSE_WARNING: share(0.001, 600)
    .default(2)
    .meta({ group: 'Alerts', unit: 's', about: 'Time that one request in twenty exceeds.', manual: 'API response time 2 s' }),
  ALERT_RESPONSE_CRITICAL: share(0.001, 600).default(5).meta({ group: 'Alerts', unit: 's', about: 'The same, critical.', manual: 'API response time 5 s' }),
  ALERT_ERROR_WARNING: share(0, 1).default(0.01).meta({ group: 'Alerts', unit: 'share', about: 'Requests that fail by our fault.', manual: 'error rate 1 %' }),
  ALERT_ERROR_CRITICAL: share(0, 1).default(0.05).meta({ group: 'Alerts', unit: 'share', about: 'The same, critical.', manual: 'error rate 5 %' }),
  ALERT_DISK_WARNING: share(0, 1).default(0.85).meta({ group: 'Alerts', unit: 'share', about: 'Space in use on the disk of DATA_DIR.', manual: 'disk 85 %' }),
  ALERT_DISK_CRITICAL: share(0, 1).default(0.95).meta({ group: 'Alerts', unit: 'share', about: 'The same, critical.', manual: 'disk 95 %' }),
  ALERT_HOLD_SECONDS: integer(0, 86_400)
    .default(120)
    .meta({ group: 'Alerts', unit: 's', about: 'How long a value must be beyond a threshold before an alert is raised, and within it before that is over.' }),
  ALERT_RETENTION_DAYS: integer(1, 3650).default(365).meta({ group: 'Alerts', unit: 'days', about: 'How long alerts that are over are kept.' }),
  ALERT_LANGUAGE: z.enum(['en', 'ja']).default('en').meta({ group: 'Alerts', about: 'Language of what is sent by webhook and mail: en or ja.' }),
  ALERT_WEBHOOK_URL: url('http:', 'https:')
    .refine((value) => value === '' || new URL(value).username === '', 'must not hold a user name or password: sign requests by ALERT_WEBHOOK_SECRET')
    .default('')
    .meta({ group: 'Alerts', secret: true, about: 'Address that alerts are posted to as JSON; empty posts none.' }),
  ALERT_WEBHOOK_SECRET: text().default('').meta({
    group: 'Alerts',
    secret: true,
    about: 'Key of the header x-erpfts-signature: "sha256=" and the HMAC-SHA-256, in hexadecimal, of x-erpfts-timestamp, a full stop and the body.',
  }),
  ALERT_MAIL_TO: listOf('mail address', (item) => /^[^\s@]+@[^\s@]+$/.test(item))
    .default([])
    .meta({ group: 'Alerts', about: 'Mail addresses that alerts are sent to, where SMTP_URL is set.' }),
  ALERT_MAIL_FROM: text().default('erpfts@localhost').meta({ group: 'Alerts', about: 'Sender of these mails.' }),
  SMTP_URL: url('smtp:', 'smtps:')
    .default('')
    .meta({ group: 'Alerts', secret: true, about: 'Mail server, e.g. smtp://user:password@mail.example.org:587; empty sends no mail.' }),
  ALERT_RETRY_SECONDS: share(0.01, 3600).default(5).meta({
    group: 'Alerts',
    unit: 's',
    about: 'Wait before a notification that failed is sent again; each further wait is four times as long, up to five attempts.',
  }),
  REDIS_URL: url('redis:', 'rediss:').default('').meta({
    group: 'Maintenance',
    secret: true,
    about: 'Redis that hands out the turns of jobs, by BullMQ; it must not evict (maxmemory-policy noeviction). Empty: the database does.',
  }),
  JOB_STUCK_MINUTES: share(0.01, 1440)
    .default(15)
    .meta({ group: 'Maintenance', unit: 'minutes', about: 'A running job that reports nothing for so long counts as stuck.' }),
  JOB_RETENTION_DAYS: integer(1, 3650).default(90).meta({ group: 'Maintenance', unit: 'days', about: 'How long records of jobs that have ended are kept.' }),
  TIME_ZONE: text()
    .refine((value) => value === '' || isTimeZone(value), 'must be an IANA time zone such as Asia/Tokyo')
    .default('')
    .meta({
      group: 'Maintenance',
      about: 'Time zone of the schedules, and of before: and after: in searches, e.g. Asia/Tokyo; empty takes that of the machine.',
    }),
  SCHEDULE_DAILY: schedule().default('30 3 * * *').meta({
    group: 'Maintenance',
    about: 'When ROTATE_LOGS, CLEAN_TEMP, ANALYZE and the cache statistics run and old records of jobs and alerts are forgotten; off never.',
    manual: 'daily_maintenance.sh',
  }),
  SCHEDULE_WEEKLY: schedule().default('0 4 * * 0').meta({
    group: 'Maintenance',
    about: 'When VACUUM, OPTIMIZE_INDEX, OPTIMIZE_FULLTEXT, VERIFY_DATA, the performance report and the disk check run; off never.',
    manual: 'weekly_maintenance.sh',
  }),
  SCHEDULE_MONTHLY: schedule().default('0 5 1 * *').meta({
    group: 'Maintenance',
    about: 'When the log analysis, the update check and the capacity report are made; off never.',
    manual: 'monthly_maintenance.sh',
  }),
  UPDATE_CHECK_URL: url('http:', 'https:')
    .default('')
    .meta({ group: 'Maintenance', about: 'Address that tells the newest version as { "version": "1.2.3" }; empty asks nobody.' }),
  TEMPORARY_FILE_HOURS: integer(1, 8760).default(24).meta({
    group: 'Maintenance',
    unit: 'hours',
    about: 'Age from which the task CLEAN_TEMP removes a file.',
    manual: 'find /tmp -mtime +1',
  }),
  LOG_KEEP_DAYS: integer(1, 3650).default(7).meta({
    group: 'Maintenance',
    unit: 'days',
    about: 'Age from which the task ROTATE_LOGS removes a log file that was put aside.',
    manual: 'find *.log -mtime +7',
  }),
  MEMORY_BUDGET_MB: integer(0, 1_000_000).default(0).meta({
    group: 'Maintenance',
    unit: 'MB',
    about:
      'Memory that all our processes together should stay below: beyond 90 % of it high_memory is logged, beyond 95 % ingestion pauses until it is below 85 % again; 0 sets no limit, and high_memory is logged beyond ALERT_MEMORY_WARNING of the machine.',
  }),
};
