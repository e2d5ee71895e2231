export { type Caller, secured } from './caller.js';
export { type Authorize, type HttpParts, HttpServer, route } from './http-server.js';
export { type MeasuredOperation, type NamedOperationRates, type OperationRates, RequestMeter } from './request-meter.js';
export { type MeasuredResponse, ResponseMeter, type ResponseRates } from './response-meter.js';
export { type RepeatedAnswers, type SentAnswer } from './repeated-answers.js';
export { sendError } from './send-error.js';
export { newestFirst } from './newest-first.js';
