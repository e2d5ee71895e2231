import { SessionEntity } from './access/index.js';
import { AlertEntity, PendingNotificationEntity } from './alerts/index.js';
import { SettingChangeEntity } from './configuration/index.js';
import {
  ChunkEntity,
  ChunkingEntity,
  ChunkVectorEntity,
  DocumentChunkingEntity,
  DocumentEntity,
  DocumentTagEntity,
  DocumentTextEntity,
} from './documents/index.js';
import { GoldenQueryEntity, GoldenRunEntity } from './golden/index.js';
import { GenerationEntity, KnownVectorEntity } from './indexing/index.js';
import { MetricSampleEntity } from './metrics/index.js';
import { AppStateEntity } from './platform/database/index.js';
import { ChunkTermsEntity } from './platform/full-text/index.js';
import { JobEntity } from './platform/queue/index.js';
import { ReportEntity } from './reports/index.js';
import { ScheduleEntity } from './schedules/index.js';

/** Every table that TypeORM knows. */
export const entities = [
  AlertEntity,
  PendingNotificationEntity,
  AppStateEntity,
  ChunkEntity,
  ChunkingEntity,
  ChunkTermsEntity,
  ChunkVectorEntity,
  DocumentChunkingEntity,
  DocumentEntity,
  DocumentTagEntity,
  DocumentTextEntity,
  GenerationEntity,
  GoldenQueryEntity,
  GoldenRunEntity,
  JobEntity,
  KnownVectorEntity,
  MetricSampleEntity,
  ReportEntity,
  ScheduleEntity,
  SessionEntity,
  SettingChangeEntity,
];
