import 'reflect-metadata';
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { buildSchemaSync, type ClassType, type PubSub } from 'type-graphql';
import { AccessResolver, type AdmissionCheck, guardSchema, RateLimitsResolver } from './access/index.js';
import { AlertsResolver, NotificationDeliveryResolver } from './alerts/index.js';
import { BackupResolver, ProofResolver } from './backup/index.js';
import { ConfigurationResolver } from './configuration/index.js';
import { DocumentsResolver } from './documents/index.js';
import { GoldenImportResolver, GoldenResolver, GoldenRunResolver } from './golden/index.js';
import { ComponentHealthResolver, HealthResolver } from './health/index.js';
import { DocumentJobResolver, IngestionResolver, JobDocumentResolver } from './ingestion/index.js';
import { IndexResolver } from './indexing/index.js';
import { JournalResolver } from './journal/index.js';
import { JobsResolver } from './jobs/index.js';
import { LogsResolver } from './logs/index.js';
import { MaintenanceModeResolver, MaintenanceResolver } from './maintenance/index.js';
import { MetricsResolver, RequestMetricsResolver } from './metrics/index.js';
import { ReportsResolver } from './reports/index.js';
import { SchedulesResolver } from './schedules/index.js';
import { SearchResolver } from './search/index.js';

const resolverClasses = [
  DocumentsResolver,
  IngestionResolver,
  DocumentJobResolver,
  JobDocumentResolver,
  SearchResolver,
  GoldenImportResolver,
  GoldenResolver,
  GoldenRunResolver,
  IndexResolver,
  JobsResolver,
  JournalResolver,
  MaintenanceResolver,
  MaintenanceModeResolver,
  SchedulesResolver,
  ReportsResolver,
  BackupResolver,
  ProofResolver,
  HealthResolver,
  ComponentHealthResolver,
  MetricsResolver,
  RequestMetricsResolver,
  AlertsResolver,
  NotificationDeliveryResolver,
  LogsResolver,
  ConfigurationResolver,
  AccessResolver,
  RateLimitsResolver,
] as const satisfies ClassType[];

/** Every subscription brings its own source; type-graphql asks for this one all the same. */
const noPubSub: PubSub = {
  publish: () => undefined,
  subscribe: (topic) => {
    throw new Error(`the subscription ${topic} has no source`);
  },
};

/** The schema without the instances behind it. */
function build(get: (resolver: unknown) => unknown): GraphQLSchema {
  return buildSchemaSync({ resolvers: [...resolverClasses], container: { get }, pubSub: noPubSub, validate: false });
}

/** The schema answered by these resolver instances, every root field behind its permission. */
export function createSchema(resolvers: object[], admit: AdmissionCheck): GraphQLSchema {
  const instances = new Map(resolvers.map((resolver) => [resolver.constructor, resolver]));
  const missing = resolverClasses.filter((resolver) => !instances.has(resolver));
  if (missing.length > 0) throw new Error(`no instance of ${missing.map(({ name }) => name).join(', ')}`);
  return guardSchema(
    build((resolver) => instances.get(resolver as ClassType)),
    admit,
  );
}

/** Text of `schema.graphql`. */
export function renderSchema(): string {
  return `${printSchema(lexicographicSortSchema(build(() => undefined)))}\n`;
}
