export { bundles } from './bundles.js';
export { ScheduleEntity } from './schedule.entity.js';
export { SchedulesResolver } from './schedules.resolver.js';
export { type Schedule, scheduleKind, SchedulesService } from './schedules.service.js';
