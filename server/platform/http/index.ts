export { type Caller, HttpServer, route, secured, sendError } from './http-server.js';
