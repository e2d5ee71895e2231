export { openTracing, traced, tracer } from './tracing.js';
