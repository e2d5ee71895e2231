export { createLogger, type Level, type Logger, Logging, logLevels } from './logger.js';
export { currentScope, nameActor, type Scope, withScope } from './scope.js';
