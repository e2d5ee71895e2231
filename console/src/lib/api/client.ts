import { type AnyVariables, Client, type CombinedError, createRequest, fetchExchange, type TypedDocumentNode } from '@urql/core';
import { type TypedDocumentNode as GeneratedDocument } from '@graphql-typed-document-node/core';
import { createClient as createSocket } from 'graphql-ws';
import { print } from 'graphql';
import { locale } from '$lib/shell/locale.svelte';

/** What went wrong, in the server's terms. */
export class RequestError extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly remedy: string | null,
  ) {
    super(message);
  }
}

/** How the server tells an error: in GraphQL's `extensions`, or beside the message. */
export interface ToldError {
  code?: string;
  remedy?: string;
  ja?: { message: string; remedy?: string };
}

/** The same in the reader's language. */
export function requestError(english: string, { code, ja, ...rest }: ToldError): RequestError {
  const { message, remedy } = (locale.current === 'ja' ? ja : null) ?? { message: english, remedy: rest.remedy };
  return new RequestError(message, code ?? 'INTERNAL_SERVER_ERROR', remedy ?? null);
}

function explained(error: CombinedError): RequestError {
  const [first] = error.graphQLErrors;
  if (!first) return new RequestError(error.message, 'UNREACHABLE', null);
  return requestError(first.message, first.extensions as ToldError);
}

const fetchOptions = { credentials: 'same-origin', headers: { 'apollo-require-preflight': '1' } } as const;
const client = new Client({ url: '/graphql', exchanges: [fetchExchange], preferGetMethod: false, fetchOptions });

type Operation<Data, Variables> = GeneratedDocument<Data, Variables> | TypedDocumentNode<Data, Variables & AnyVariables>;

let asked = 0;

/** Sends a query and answers with its data, as it is from now on. Throws RequestError. */
export async function query<Data, Variables extends AnyVariables>(
  document: Operation<Data, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Data> {
  const request = createRequest<Data, Variables>(document as TypedDocumentNode<Data, Variables>, variables);
  // By its own key: an equal query that is on its way would share its answer, which may be older than what is asked about.
  const { data, error } = await client
    .executeQuery<Data, Variables>({ ...request, key: ++asked }, { requestPolicy: 'network-only', fetchOptions: { ...fetchOptions, signal } })
    .toPromise();
  if (error) throw explained(error);
  if (!data) throw new RequestError('no data', 'INTERNAL_SERVER_ERROR', null);
  return data;
}

/** Sends a mutation and answers with its data. Throws RequestError. */
export async function mutate<Data, Variables extends AnyVariables>(document: Operation<Data, Variables>, variables: Variables): Promise<Data> {
  const { data, error } = await client.mutation<Data, Variables>(document as TypedDocumentNode<Data, Variables>, variables).toPromise();
  if (error) throw explained(error);
  if (!data) throw new RequestError('no data', 'INTERNAL_SERVER_ERROR', null);
  return data;
}

export interface SocketEvents {
  connected: () => void;
  lost: () => void;
}

/** The WebSocket that subscriptions run on. It connects again by itself, sooner at first and every few seconds later. */
export function openSocket(events: SocketEvents) {
  const address = new URL('/graphql', window.location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = createSocket({
    url: address.href,
    lazy: false,
    retryAttempts: Infinity,
    shouldRetry: () => true,
    retryWait: (attempt) => new Promise((resolve) => setTimeout(resolve, Math.min(4000, 300 * 2 ** attempt) * (0.75 + Math.random() / 2))),
    // A server that was cut off sends no goodbye: silence tells.
    keepAlive: 5000,
    on: { connected: events.connected, closed: events.lost },
  });
  return {
    subscribe<Data, Variables extends Record<string, unknown>>(
      document: GeneratedDocument<Data, Variables>,
      variables: Variables,
      next: (data: Data) => void,
    ): () => void {
      return socket.subscribe<Data>(
        { query: print(document), variables },
        { next: ({ data }) => data && next(data), error: () => undefined, complete: () => undefined },
      );
    },
    close: () => void socket.dispose(),
  };
}
