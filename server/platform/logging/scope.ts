import { AsyncLocalStorage } from 'node:async_hooks';

/** On whose behalf something is done: named in every line that is logged meanwhile. */
export interface Scope {
  /** Of the HTTP request that began it, also where a job goes on with it later. */
  requestId?: string | null;
  jobId?: string;
  /** Name of whoever asked. */
  actor?: string;
}

const scopes = new AsyncLocalStorage<Scope>();

export function withScope<T>(scope: Scope, work: () => T): T {
  return scopes.run(scope, work);
}

/** Says who the sender of the present request is, once that is known. */
export function nameActor(name: string | undefined): void {
  const scope = scopes.getStore();
  if (scope && name !== undefined) scope.actor = name;
}

export function currentScope(): Scope {
  return scopes.getStore() ?? {};
}
