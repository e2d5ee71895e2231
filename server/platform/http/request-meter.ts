import { type ApolloServerPlugin } from '@apollo/server';
import { type GraphQLError } from 'graphql';
import { nameOperation } from '../logging/index.js';
import { RollingWindow, type Latencies } from '../metering/index.js';
import { errorCode } from './error-code.js';

export interface MeasuredOperation {
  /** Name that the client gave the operation; `other` beyond the first hundred, so that figures by name stay bounded. */
  operation: string;
  /** Null for uploads: their time is the sender's. */
  tookMs: number | null;
  /** A fault of ours: INTERNAL_SERVER_ERROR or UNAVAILABLE. */
  failed: boolean;
}

export interface OperationRates extends Latencies {
  /** Operations a second, over the last minute. */
  perSecond: number;
  failedShare: number | null;
}

export interface NamedOperationRates extends OperationRates {
  operation: string;
}

const mostNames = 100;
const longestName = 64;
const faults = new Set(['INTERNAL_SERVER_ERROR', 'UNAVAILABLE']);

/** Whether one of them is a fault of ours. */
export const isFault = (errors: readonly GraphQLError[] | undefined) => errors?.some((error) => faults.has(errorCode(error))) ?? false;

/** Rate, latency and faults of GraphQL operations. Uploads count, but not their time, which is the sender's. */
export class RequestMeter {
  readonly #window = new RollingWindow<MeasuredOperation>();
  readonly #names = new Set<string>();
  readonly #begun = new WeakMap<object, number>();
  readonly #listeners: ((operation: MeasuredOperation) => void)[] = [];

  onOperation(listener: (operation: MeasuredOperation) => void): void {
    this.#listeners.push(listener);
  }

  /** Counts it once its answer is on its way. */
  record(name: string | null | undefined, tookMs: number | null, failed: boolean): void {
    setImmediate(() => this.#count({ operation: this.#bounded(name ?? 'anonymous'), tookMs, failed }));
  }

  /** The same of an operation with its context: names that nobody stands behind would fill the hundred. */
  recordFor(context: unknown, name: string | null | undefined, tookMs: number | null, failed: boolean): void {
    const { viewer } = (context ?? {}) as { viewer?: unknown };
    this.record(viewer ? name : 'signed-out', tookMs, failed);
  }

  /** Tells when work on a request began, where that was before Apollo Server had it: what was done until then is the operation's. */
  began({ request }: { request: object }, started: number): void {
    this.#begun.set(request, started);
  }

  /** When work on a context's request began; undefined where nobody told. */
  beginning(context: unknown): number | undefined {
    const { request } = (context ?? {}) as { request?: object };
    return request && this.#begun.get(request);
  }

  #count(measured: MeasuredOperation): void {
    for (const listener of this.#listeners) listener(measured);
    this.#window.add(measured);
  }

  rates(): OperationRates {
    const { perSecond, latencies, shareOf } = this.#window.read();
    return { perSecond, ...latencies, failedShare: shareOf(({ failed }) => failed) };
  }

  /** The same by the name of the operation; those that take the most time together come first. */
  byOperation(): NamedOperationRates[] {
    const total = ({ perSecond, p50Ms }: OperationRates) => perSecond * (p50Ms ?? 0);
    return [...this.#window.readBy(({ operation }) => operation)]
      .map(([operation, { perSecond, latencies, shareOf }]) => ({ operation, perSecond, ...latencies, failedShare: shareOf(({ failed }) => failed) }))
      .sort((a, b) => total(b) - total(a) || b.perSecond - a.perSecond);
  }

  #bounded(name: string): string {
    if (this.#names.has(name)) return name;
    if (this.#names.size >= mostNames || name.length > longestName) return 'other';
    this.#names.add(name);
    return name;
  }
}

/** Measures every operation that Apollo Server answers. https://www.apollographql.com/docs/apollo-server/integrations/plugins */
export function measuredOperations(meter: RequestMeter): ApolloServerPlugin {
  return {
    requestDidStart: ({ request }) => {
      const started = performance.now();
      const isUpload = request.http?.headers.get('content-type')?.startsWith('multipart/') ?? false;
      return Promise.resolve({
        didResolveOperation: ({ operationName }) => {
          nameOperation(operationName);
          return Promise.resolve();
        },
        willSendResponse: ({ operationName, errors, contextValue }) => {
          meter.recordFor(contextValue, operationName, isUpload ? null : performance.now() - (meter.beginning(contextValue) ?? started), isFault(errors));
          return Promise.resolve();
        },
      });
    },
  };
}
