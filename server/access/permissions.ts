export const roles = ['READER', 'OPERATOR', 'ADMINISTRATOR'] as const;
/** Each role may do what the ones before it may. */
export type Role = (typeof roles)[number];

export interface Viewer {
  /** The same for all requests of one key or session: limits count by it. */
  id: string;
  name: string;
  role: Role;
}

/** `PUBLIC` needs no sign-in. */
export type Requirement = Role | 'PUBLIC';

/**
 * The one table of who may do what: every GraphQL root field, fields that are for fewer than those who may ask for their parent, and
 * every HTTP route. What is missing here is refused, and a test finds it.
 */
export const permissions: Readonly<Record<string, Requirement>> = {
  'Query.viewer': 'PUBLIC',
  'Query.search': 'READER',
  'Query.rateLimits': 'READER',
  'Query.similarDocuments': 'READER',
  'Query.explainDocument': 'OPERATOR',
  'Query.documents': 'READER',
  'Query.document': 'READER',
  'Query.libraryFacets': 'READER',
  'Query.goldenQueries': 'OPERATOR',
  'Query.goldenRuns': 'OPERATOR',
  'Query.indexGenerations': 'OPERATOR',
  'Query.health': 'READER',
  'Query.jobs': 'OPERATOR',
  'Query.job': 'OPERATOR',
  'Query.systemEvents': 'OPERATOR',
  'Query.maintenanceTasks': 'OPERATOR',
  'Query.maintenanceMode': 'PUBLIC',
  'Query.schedules': 'OPERATOR',
  'Query.reports': 'OPERATOR',
  'Query.diskForecast': 'OPERATOR',
  'Query.settingChanges': 'ADMINISTRATOR',
  'Query.metrics': 'OPERATOR',
  'Query.metricsHistory': 'OPERATOR',
  'Query.metricsHistorySize': 'OPERATOR',
  'Query.metricsSummary': 'OPERATOR',
  'Query.alerts': 'OPERATOR',
  'Query.thresholds': 'OPERATOR',
  'Query.notificationChannels': 'OPERATOR',
  'Query.logs': 'OPERATOR',
  'Query.logLevel': 'OPERATOR',
  'Query.backups': 'OPERATOR',
  'Query.backupPolicy': 'OPERATOR',
  'Query.restorePreview': 'OPERATOR',
  'Query.savedDocuments': 'OPERATOR',
  'Query.settings': 'ADMINISTRATOR',
  'Mutation.uploadDocuments': 'OPERATOR',
  'Mutation.addUrl': 'OPERATOR',
  'Mutation.updateDocument': 'OPERATOR',
  'Mutation.deleteDocuments': 'OPERATOR',
  'Mutation.reprocessDocuments': 'OPERATOR',
  'Mutation.addGoldenQuery': 'OPERATOR',
  'Mutation.deleteGoldenQueries': 'OPERATOR',
  'Mutation.importGoldenQueries': 'OPERATOR',
  'Mutation.scoreGoldenQueries': 'OPERATOR',
  'Mutation.acceptGoldenScores': 'OPERATOR',
  'Mutation.switchIndex': 'OPERATOR',
  'Mutation.discardIndex': 'OPERATOR',
  'Mutation.runMaintenance': 'OPERATOR',
  'Mutation.setMaintenanceMode': 'OPERATOR',
  'Mutation.runSchedule': 'OPERATOR',
  'Mutation.enableSchedule': 'OPERATOR',
  'Mutation.makeReport': 'OPERATOR',
  'Mutation.acknowledgeAlert': 'OPERATOR',
  'Mutation.silenceAlert': 'OPERATOR',
  'Mutation.testNotifications': 'OPERATOR',
  'Mutation.setLogLevel': 'ADMINISTRATOR',
  'Mutation.createBackup': 'OPERATOR',
  'Mutation.verifyBackup': 'OPERATOR',
  'Mutation.restoreBackup': 'ADMINISTRATOR',
  'Mutation.importFromBackup': 'OPERATOR',
  'Mutation.deleteBackup': 'ADMINISTRATOR',
  'Mutation.clearCache': 'OPERATOR',
  'Mutation.cancelJob': 'OPERATOR',
  'Mutation.retryJob': 'OPERATOR',
  'Mutation.recoverJob': 'OPERATOR',
  'Mutation.createSignInLink': 'ADMINISTRATOR',
  'Mutation.signOut': 'PUBLIC',
  'Subscription.jobProgress': 'OPERATOR',
  'Subscription.ingestionProgress': 'READER',
  'Subscription.healthChanged': 'READER',
  'Subscription.liveMetrics': 'OPERATOR',
  'Subscription.maintenanceModeChanged': 'READER',
  'Subscription.alertChanged': 'OPERATOR',
  'Subscription.logTail': 'OPERATOR',
  'SearchResult.profile': 'OPERATOR',
  'GET /health': 'PUBLIC',
  'GET /health/detailed': 'READER',
  'GET /metrics': 'OPERATOR',
  // A backup holds everything, whoever may see what.
  'GET /backups/:id/archive': 'ADMINISTRATOR',
  'POST /backups/archives': 'ADMINISTRATOR',
  'GET /logs/download': 'OPERATOR',
  'GET /differences/:job': 'OPERATOR',
  'GET /reports/:id': 'OPERATOR',
  'GET /originals/:documentId': 'READER',
  'GET /sign-in': 'PUBLIC',
  // GraphQL checks each field by the lines above.
  'POST /graphql': 'PUBLIC',
  'GET /graphql': 'PUBLIC',
  'GET console': 'PUBLIC',
};

export function mayDo(viewer: Viewer | null, requirement: Requirement | undefined): boolean {
  if (requirement === undefined) return false;
  if (requirement === 'PUBLIC') return true;
  return viewer !== null && roles.indexOf(viewer.role) >= roles.indexOf(requirement);
}
