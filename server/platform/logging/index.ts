export { createLogger, type Level, type Logger, Logging, logLevels } from './logger.js';
export { currentScope, type Scope, withScope } from './scope.js';
