export { type Authorize, type Caller, HttpServer, route, secured, sendError } from './http-server.js';
