export { HostReader, type NamedProcess } from './host.js';
export { type HistoryPoint, MetricsHistory } from './history.js';
export { MetricSampleEntity } from './metric-sample.entity.js';
export { MetricsResolver } from './metrics.resolver.js';
export { type Metrics, MetricsService } from './metrics.service.js';
export { CacheKindName } from './metrics.type.js';
export { prometheusRoute } from './prometheus.js';
export { type Sample, Sampler } from './sampler.js';
export { type SampleValues, type SeriesName } from './series.js';
