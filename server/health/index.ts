export { ComponentHealthResolver, HealthResolver } from './health.resolver.js';
export { type ComponentHealth, type HealthCheck, HealthService, type HealthTopics, type SystemHealth } from './health.service.js';
export { healthRoutes } from './health.routes.js';
export { storeChecks } from './store-checks.js';
