export { AccessResolver } from './access.resolver.js';
export { AccessService, sessionCookie } from './access.service.js';
export { type RequestContext, type Subscriptions, subscribeTo } from './context.js';
export { type AdmissionCheck, guardSchema, requirePermission, rootFields } from './guard-schema.js';
export { mayDo, permissions, type Viewer } from './permissions.js';
export { type LimitedAction, RateLimits } from './rate-limits.js';
export { RateLimitsResolver } from './rate-limits.resolver.js';
export { SessionEntity } from './session.entity.js';
export { signInRoute } from './sign-in.route.js';
