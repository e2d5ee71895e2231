import { AsyncLocalStorage } from 'node:async_hooks';

/** On whose behalf something is done: named in every line that is logged meanwhile. */
export interface Scope {
  /** Of the HTTP request that began it, also where a job goes on with it later. */
  requestId?: string | null;
  jobId?: string;
}

const scopes = new AsyncLocalStorage<Scope>();

export function withScope<T>(scope: Scope, work: () => T): T {
  return scopes.run(scope, work);
}

export function currentScope(): Scope {
  return scopes.getStore() ?? {};
}
