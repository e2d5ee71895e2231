import { type GraphQLFieldResolver, type GraphQLSchema, defaultFieldResolver } from 'graphql';
import { AppError } from '../platform/errors.js';
import { type RequestContext } from './context.js';
import { mayDo, permissions, type Viewer } from './permissions.js';

export function requirePermission(viewer: Viewer | null, name: string): void {
  if (mayDo(viewer, permissions[name])) return;
  if (!viewer)
    throw new AppError('UNAUTHENTICATED', 'You are not signed in.', 'Open the sign-in link that the server printed, or send "Authorization: Bearer <key>".');
  throw new AppError(
    'FORBIDDEN',
    { en: `Your role does not allow ${name}.`, ja: `あなたの権限では ${name} を使えません。` },
    { en: 'Ask an administrator.', ja: '管理者に依頼してください。' },
  );
}

/** Names of all root fields, as the table of permissions spells them. */
export function rootFields(schema: GraphQLSchema): string[] {
  const types = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  return types.flatMap((type) => (type ? Object.keys(type.getFields()).map((field) => `${type.name}.${field}`) : []));
}

type Resolver = GraphQLFieldResolver<unknown, RequestContext>;

/** Called with whoever asks for a root field that they may use. Throws AppError MAINTENANCE where they have to wait. */
export type AdmissionCheck = (viewer: Viewer | null, name: string) => void;

/** Puts the permission check before every root field. Fields that the table does not name are refused to everybody. */
export function guardSchema(schema: GraphQLSchema, admit: AdmissionCheck): GraphQLSchema {
  const guarded =
    (name: string, resolve: Resolver): Resolver =>
    (source, args: Record<string, unknown>, context, info) => {
      requirePermission(context.viewer, name);
      admit(context.viewer, name);
      return resolve(source, args, context, info);
    };
  /** Events that come while whoever listens has to wait are not for them; those after that are. */
  const admitted =
    (name: string, subscribe: Resolver): Resolver =>
    async (source, args: Record<string, unknown>, context, info) => {
      const events = ((await subscribe(source, args, context, info)) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
      const mayHear = () => {
        try {
          admit(context.viewer, name);
          return true;
        } catch {
          return false;
        }
      };
      return {
        [Symbol.asyncIterator]() {
          return this;
        },
        async next() {
          for (;;) {
            const event = await events.next();
            if (event.done || mayHear()) return event;
          }
        },
        // At once, also while the next event is waited for.
        return: () => events.return?.() ?? Promise.resolve({ done: true, value: undefined }),
      } satisfies AsyncIterableIterator<unknown>;
    };
  for (const type of [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]) {
    for (const field of Object.values(type?.getFields() ?? {})) {
      const name = `${type?.name}.${field.name}`;
      if (field.subscribe) field.subscribe = guarded(name, admitted(name, field.subscribe as Resolver)) as typeof field.subscribe;
      else field.resolve = guarded(name, (field.resolve ?? defaultFieldResolver) as Resolver) as typeof field.resolve;
    }
  }
  return schema;
}
