export { type LogCriteria, type LogEntry } from './log-entry.js';
export { LogFiles } from './log-files.js';
export { LogsResolver } from './logs.resolver.js';
export { logsRoute } from './logs.route.js';
export { LogsService } from './logs.service.js';
