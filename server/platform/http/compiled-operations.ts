import { type ApolloServerOptionsWithGateway } from '@apollo/server';
import {
  type DocumentNode,
  execute,
  type ExecutionResult,
  getVariableValues,
  GraphQLError,
  type GraphQLSchema,
  type OperationDefinitionNode,
  OperationTypeNode,
} from 'graphql';
import { compileQuery, type CompiledQuery, isCompiledQuery } from 'graphql-jit';
import { LRUCache } from 'lru-cache';
import { nameOperation } from '../logging/index.js';
import { givenVariables, isCompilable } from './compilable.js';

type Gateway = NonNullable<ApolloServerOptionsWithGateway<object>['gateway']>;

/** What of a context stands for its request, while Apollo Server hands on copies of the rest. */
interface OfRequest {
  request: object;
}

/** An operation as it is asked for. */
interface Asked {
  query: string;
  operationName: string | null;
  variables: Record<string, unknown>;
}

/** A query that has been admitted. */
interface Known {
  compiled: CompiledQuery;
  operation: OperationDefinitionNode;
}

const mostKept = 300;
/** Longer queries are not kept whole to be known again. */
const longestKnown = 16 * 1024;

/**
 * Runs an operation that comes again as compiled code: graphql-js interprets it field by field, which for ten hits with their
 * text takes longer than finding them. What comes once is interpreted, for compiling takes milliseconds, and so is what
 * cannot be compiled. Apollo Server takes another executor only as a gateway's.
 */
export class CompiledOperations implements Gateway {
  /** By the operation's hash and name. */
  readonly #kept = new LRUCache<string, CompiledQuery | 'seen once' | 'not compilable'>({ max: mostKept });
  /** Queries that Apollo Server has parsed, validated and had run, by their text and the name that was asked for: an operation alone needs none. */
  readonly #known = new LRUCache<string, Known>({ max: mostKept });
  /** What Apollo Server has only to tell of. */
  readonly #finished = new WeakMap<object, ExecutionResult>();
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

  /**
   * Runs a query that came before, without Apollo Server, whose way to the same answer takes a third of a millisecond.
   * @returns null where it has to go that way: what is not known, what is wrong with its variables, and errors, which are told of
   * there without running the query again
   */
  async again(asked: Asked, context: OfRequest): Promise<{ operationName: string | null; data: ExecutionResult['data'] } | null> {
    const known = this.#known.get(keyOf(asked));
    if (!known) return null;
    const { compiled, operation } = known;
    if (getVariableValues(this.schema, operation.variableDefinitions ?? [], asked.variables, { maxErrors: 1 }).errors) return null;
    const operationName = operation.name?.value ?? null;
    nameOperation(operationName);
    // As they came: it reads them itself, and a value of an enumeration that was read already would be none.
    const result = await compiled.query(undefined, context, givenVariables(operation, asked.variables));
    if (!result.errors) return { operationName, data: result.data };
    this.#finished.set(context.request, result);
    return null;
  }

  async #run({ document, operation, operationName, queryHash, request, context }: Parameters<Executor>[0]): Promise<ExecutionResult> {
    const finished = this.#finished.get((context as OfRequest).request);
    if (finished) return told(finished, document);
    const variables = request.variables ?? {};
    const interpret = () =>
      execute({ schema: this.schema, document, contextValue: context, variableValues: variables, operationName: request.operationName ?? null });
    // Where none has the name that was asked for, graphql-js says so.
    if (!(operation as OperationDefinitionNode | undefined)) return interpret();
    const key = `${queryHash}:${operationName ?? ''}`;
    let kept = this.#kept.get(key);
    if (!kept) this.#kept.set(key, 'seen once');
    else if (kept === 'seen once') this.#kept.set(key, (kept = this.#compile(document, operation)));
    if (typeof kept !== 'object') return interpret();
    // Judged by graphql-js, so that a wrong variable is told of in the same words.
    const coerced = getVariableValues(this.schema, operation.variableDefinitions ?? [], variables, { maxErrors: 50 });
    if (coerced.errors) return { errors: coerced.errors };
    const { query } = request;
    // One that was asked for by its hash alone has no text to be known by.
    if (query !== undefined && operation.operation === OperationTypeNode.QUERY && query.length <= longestKnown)
      this.#known.set(keyOf({ query, operationName: request.operationName ?? null }), { compiled: kept, operation });
    return told(await kept.query(undefined, context, givenVariables(operation, variables)), document);
  }

  #compile(document: DocumentNode, operation: OperationDefinitionNode): CompiledQuery | 'not compilable' {
    if (!isCompilable(this.schema, document, operation)) return 'not compilable';
    const compiled = compileQuery(this.schema, document, operation.name?.value);
    return isCompiledQuery(compiled) ? compiled : 'not compilable';
  }
}

type Executor = NonNullable<Awaited<ReturnType<Gateway['load']>>['executor']>;

/** No two have the same: a name has its length before it, and none a line. */
const keyOf = ({ query, operationName }: Pick<Asked, 'query' | 'operationName'>) =>
  operationName === null ? `-${query}` : `${operationName.length}:${operationName}${query}`;

function told(result: ExecutionResult, document: DocumentNode): ExecutionResult {
  return result.errors ? { ...result, errors: result.errors.map((error) => asGraphQLError(error, document)) } : result;
}

/** graphql-jit's errors only look like those of graphql-js, which alone are told of in full. */
function asGraphQLError({ message, locations, path, originalError }: GraphQLError, { loc }: DocumentNode): GraphQLError {
  const lines = loc?.source.body.split('\n') ?? [];
  const positions = locations?.map(({ line, column }) => lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, column - 1));
  return new GraphQLError(message, { source: loc?.source, positions, path, originalError });
}
