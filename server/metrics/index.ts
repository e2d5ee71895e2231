export { MetricsResolver } from './metrics.resolver.js';
export { type Metrics, MetricsService } from './metrics.service.js';
export { prometheusRoute } from './prometheus.js';
