import type DataLoader from 'dataloader';
import { type DocumentWithTags } from '../documents/index.js';
import { type Viewer } from './permissions.js';

/** Sources of the subscriptions, by field. */
export interface Subscriptions {
  jobProgress(id: string | null): Promise<AsyncIterable<unknown>>;
  ingestionProgress(documentId: string | null): Promise<AsyncIterable<unknown>>;
  healthChanged(): Promise<AsyncIterable<unknown>>;
  liveMetrics(intervalMs: number): Promise<AsyncIterable<unknown>>;
  alertChanged(): Promise<AsyncIterable<unknown>>;
  logTail(filter: object): Promise<AsyncIterable<unknown>>;
  maintenanceModeChanged(): Promise<AsyncIterable<unknown>>;
}

/** What every GraphQL operation is given. */
export interface RequestContext {
  viewer: Viewer | null;
  cookies: string | undefined;
  clientAddress: string;
  setCookie: (cookie: string) => void;
  /** Stands for the request: Apollo Server hands on copies of the context. */
  request: object;
  documentLoader: DataLoader<string, DocumentWithTags | null>;
  subscriptions: Subscriptions;
}

/** A `subscribe` option for type-graphql whose source comes from the context. */
export function subscribeTo<Args>(source: (args: Args, context: RequestContext) => Promise<AsyncIterable<unknown>>) {
  return (data: { args: unknown; context: unknown }) => source(data.args as Args, data.context as RequestContext) as unknown as AsyncIterable<unknown>;
}
