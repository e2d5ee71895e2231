export { createLogger, type Level, type Logger, Logging, logLevels } from './logger.js';
export { currentScope, nameActor, nameOperation, type Scope, tellSlow, wasSlowTold, withScope } from './scope.js';
