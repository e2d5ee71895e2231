import { type AccessService, type RateLimits, type RequestContext, requirePermission, type Viewer } from './access/index.js';
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
  /** Readers and strangers are counted by their address. Operators are not: a page that is open, or a command that waits for its job, asks every few seconds. */
  const counted = async ({ authorization, cookies, address }: Caller): Promise<Viewer | null> => {
    const viewer = await access.identify(authorization, cookies);
    if (!viewer || viewer.role === 'READER') await limits.request(address);
    return viewer;
  };
  return {
    contextOf: async (caller) => {
      await counted(caller);
      return contextOf(caller);
    },
    mayConnect: async (caller) => (await counted(caller)) !== null,
    beforeOperation: async (caller) => void (await counted(caller)),
    operationContextOf: contextOf,
    beforeUpload: async ({ authorization, cookies }) => requirePermission(await access.identify(authorization, cookies), 'Mutation.uploadDocuments'),
    maySearch: async ({ viewer, clientAddress }) => {
      requirePermission(viewer, 'Query.search');
      mode.admit(viewer, 'Query.search');
      await limits.action('search', viewer?.id ?? clientAddress);
    },
    authorize: async ({ headers }, permission) => {
      const viewer = await access.identify(headers.authorization, headers.cookie);
      requirePermission(viewer, permission);
      mode.admit(viewer, permission);
    },
  };
}
