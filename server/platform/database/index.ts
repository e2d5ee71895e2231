export { AppStateEntity, takeFromCounter } from './app-state.entity.js';
export { blobColumn, blobType, dateColumn, jsonColumn, wideIntegerColumn } from './columns.js';
export { Database, type Dialect, type MigrationState } from './database.js';
export { lockDataDirectory } from './data-lock.js';
export { SharedWrites } from './shared-writes.js';
