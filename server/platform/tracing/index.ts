export { continueTrace, openTracing, rememberOrigin, requestSpan, spanOf, traced } from './tracing.js';
