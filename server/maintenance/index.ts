export { MaintenanceResolver } from './maintenance.resolver.js';
export { MaintenanceService } from './maintenance.service.js';
export { MaintenanceTask } from './tasks.js';
