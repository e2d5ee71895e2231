export { type Caller, secured } from './caller.js';
export { type Authorize, HttpServer, route } from './http-server.js';
export { sendError } from './send-error.js';
