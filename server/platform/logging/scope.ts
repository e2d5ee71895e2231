import { AsyncLocalStorage } from 'node:async_hooks';

/** On whose behalf something is done: named in every line that is logged meanwhile. */
export interface Scope {
  /** Of the HTTP request that began it, also where a job goes on with it later. */
  requestId?: string | null;
  jobId?: string;
  /** Name of whoever asked. */
  actor?: string;
  /** Name that the client gave the GraphQL operation. */
  operation?: string;
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

const longestOperation = 64;

/** Says what the present request asks for, once that is known. */
export function nameOperation(name: string | null | undefined): void {
  const scope = scopes.getStore();
  if (scope && name) scope.operation = name.slice(0, longestOperation);
}

/** When a part of a request was last said to be slow. */
const slowTold = new WeakMap<Scope, number>();

/** Remembers that a part of the present request has said what took it so long: who sees the whole need not say it again. */
export function tellSlow(): void {
  const scope = scopes.getStore();
  if (scope) slowTold.set(scope, performance.now());
}

/** @param since by performance.now() */
export function wasSlowTold(since: number): boolean {
  const scope = scopes.getStore();
  return scope !== undefined && (slowTold.get(scope) ?? -Infinity) >= since;
}

export function currentScope(): Scope {
  return scopes.getStore() ?? {};
}
