import { type AccessService, type RateLimits, type RequestContext, requirePermission } from './access/index.js';
import { type DocumentsService } from './documents/index.js';
import { type MaintenanceMode } from './maintenance/index.js';
import { type Authorize, type Caller, type HttpParts } from './platform/http/index.js';
import { nameActor } from './platform/logging/index.js';

interface AdmissionParts {
  access: AccessService;
  limits: RateLimits;
  mode: MaintenanceMode;
  documents: DocumentsService;
  subscriptions: RequestContext['subscriptions'];
}

type Admission = Pick<HttpParts<RequestContext>, 'contextOf' | 'mayConnect' | 'beforeOperation' | 'operationContextOf' | 'beforeUpload'>;

/** Who asks, how often they may, and what for: all that the HTTP server wants to know of whoever comes. */
export function admission({
  access,
  limits,
  mode,
  documents,
  subscriptions,
}: AdmissionParts): Admission & { authorize: Authorize; maySearch: (context: RequestContext) => Promise<void> } {
  const contextOf = async ({ authorization, cookies, address: clientAddress, setCookie }: Caller): Promise<RequestContext> => {
    const viewer = await access.identify(authorization, cookies);
    nameActor(viewer?.name);
    return { viewer, cookies, clientAddress, setCookie, request: {}, documentLoader: documents.loader(), subscriptions };
  };
  return {
    contextOf: async (caller) => {
      await limits.request(caller.address);
      return contextOf(caller);
    },
    mayConnect: async (caller) => {
      await limits.request(caller.address);
      return (await access.identify(caller.authorization, caller.cookies)) !== null;
    },
    beforeOperation: ({ address }) => limits.request(address),
    operationContextOf: contextOf,
    beforeUpload: async ({ authorization, cookies }) => requirePermission(await access.identify(authorization, cookies), 'Mutation.uploadDocuments'),
    maySearch: async ({ viewer, clientAddress }) => {
      requirePermission(viewer, 'Query.search');
      mode.admit(viewer, 'Query.search');
      await limits.action('search', viewer?.name ?? clientAddress);
    },
    authorize: async ({ headers }, permission) => {
      const viewer = await access.identify(headers.authorization, headers.cookie);
      requirePermission(viewer, permission);
      mode.admit(viewer, permission);
    },
  };
}
