import { type ApolloServerOptionsWithGateway } from '@apollo/server';
import { type DocumentNode, execute, type ExecutionResult, getVariableValues, GraphQLError, type GraphQLSchema } from 'graphql';
import { compileQuery, type CompiledQuery, isCompiledQuery } from 'graphql-jit';
import { LRUCache } from 'lru-cache';

type Gateway = NonNullable<ApolloServerOptionsWithGateway<object>['gateway']>;

const mostKept = 300;
const introspection = /\b__(schema|type)\b/;

/**
 * Runs an operation that comes again as compiled code: graphql-js interprets it field by field, which for ten hits with their
 * text takes longer than finding them. What comes once is interpreted, for compiling takes milliseconds, and so is what
 * cannot be compiled. Apollo Server takes another executor only as a gateway's.
 */
export class CompiledOperations implements Gateway {
  /** By the operation's hash and name. */
  readonly #kept = new LRUCache<string, CompiledQuery | 'seen once' | 'not compilable'>({ max: mostKept });
  #onSchema: ((schema: { apiSchema: GraphQLSchema; coreSupergraphSdl: string }) => void) | null = null;

  constructor(private readonly schema: GraphQLSchema) {}

  onSchemaLoadOrUpdate(listener: (schema: { apiSchema: GraphQLSchema; coreSupergraphSdl: string }) => void): () => void {
    this.#onSchema = listener;
    return () => (this.#onSchema = null);
  }

  load(): Promise<{ executor: (request: Parameters<Executor>[0]) => Promise<ExecutionResult> }> {
    this.#onSchema?.({ apiSchema: this.schema, coreSupergraphSdl: '' });
    return Promise.resolve({ executor: (request) => this.#run(request) });
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  async #run({ document, operation, operationName, queryHash, request, context }: Parameters<Executor>[0]): Promise<ExecutionResult> {
    const variables = request.variables ?? {};
    const key = `${queryHash}:${operationName ?? ''}`;
    let kept = this.#kept.get(key);
    if (!kept) this.#kept.set(key, 'seen once');
    else if (kept === 'seen once') this.#kept.set(key, (kept = this.#compile(request.query ?? '', document, operationName)));
    if (typeof kept !== 'object') return execute({ schema: this.schema, document, contextValue: context, variableValues: variables, operationName });
    // Judged by graphql-js, so that a wrong variable is told of in the same words.
    const coerced = getVariableValues(this.schema, operation.variableDefinitions ?? [], variables, { maxErrors: 50 });
    if (coerced.errors) return { errors: coerced.errors };
    const result = await kept.query(undefined, context, variables);
    return result.errors ? { ...result, errors: result.errors.map((error) => asGraphQLError(error, document)) } : result;
  }

  #compile(query: string, document: DocumentNode, operationName: string | null): CompiledQuery | 'not compilable' {
    if (introspection.test(query)) return 'not compilable';
    const compiled = compileQuery(this.schema, document, operationName ?? undefined);
    return isCompiledQuery(compiled) ? compiled : 'not compilable';
  }
}

type Executor = NonNullable<Awaited<ReturnType<Gateway['load']>>['executor']>;

/** graphql-jit's errors only look like those of graphql-js, which alone are told of in full. */
function asGraphQLError({ message, locations, path, originalError }: GraphQLError, { loc }: DocumentNode): GraphQLError {
  const lines = loc?.source.body.split('\n') ?? [];
  const positions = locations?.map(({ line, column }) => lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, column - 1));
  return new GraphQLError(message, { source: loc?.source, positions, path, originalError });
}
