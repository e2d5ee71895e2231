export { MaintenanceMode, type MaintenanceModeState, type MaintenanceTopics } from './maintenance-mode.js';
export { MaintenanceModeResolver } from './maintenance-mode.resolver.js';
export { MaintenanceResolver } from './maintenance.resolver.js';
export { MaintenanceService } from './maintenance.service.js';
export { ResourceGuard } from './resource-guard.js';
export { MaintenanceTask } from './tasks.js';
