import { type GraphQLSchema, Kind, OperationTypeNode, parse, TypeInfo, visit, visitWithTypeInfo } from 'graphql';
import { LRUCache } from 'lru-cache';
import { type RequestContext } from '../access/index.js';
import { type RepeatedAnswers, type SentAnswer } from '../platform/http/index.js';
import { nameOperation } from '../platform/logging/index.js';
import { type KeptPage, type SearchService } from './search.service.js';

interface Kept {
  /** The cache alone decides for how long a page is held in memory. */
  page: WeakRef<KeptPage['page']>;
  of: Omit<KeptPage, 'page'>;
  answer: SentAnswer & { operationName: string | null };
}

const mostOperations = 500;
const largestAnswer = 256 * 1024;
const longestOperation = 16 * 1024;
const overheadBytes = 500;
/** What is another each time without a resolver of its own. */
const changing = new Set(['SearchResult.tookMs']);

/** @returns the one operation, where it asks one search for nothing but what stays as it is until the library or the index changes */
function repeatable(schema: GraphQLSchema, query: string): { name: string | null } | null {
  const document = parse(query);
  const [operation, ...others] = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  const root = operation?.selectionSet.selections[0];
  if (operation?.operation !== OperationTypeNode.QUERY || others.length > 0 || operation.selectionSet.selections.length !== 1) return null;
  if (root?.kind !== Kind.FIELD || root.name.value !== 'search') return null;
  const types = new TypeInfo(schema);
  let isConstant = true;
  visit(
    document,
    visitWithTypeInfo(types, {
      Field: (node) => {
        const [parent, field] = [types.getParentType(), types.getFieldDef()];
        if (node === root || node.name.value === '__typename') return;
        // A field with a resolver of its own may look at more than the page and its documents.
        if (!parent || !field || field.resolve || changing.has(`${parent.name}.${field.name}`)) isConstant = false;
      },
    }),
  );
  return isConstant ? { name: operation.name?.value ?? null } : null;
}

/**
 * Answers to searches that come again word for word, as they were sent: to execute an operation and to write its result
 * down takes longer than to find a kept page. An answer is sent again only while the page it was made from is the one the
 * cache hands out and no document has changed, so that it dies with them: by its time, by a change of the library or the
 * index, by clearing. Only for a cache in memory, which hands out one page again and again.
 */
export class KeptAnswers {
  readonly #answers: LRUCache<string, Kept>;
  readonly #pages = new WeakMap<RequestContext['request'], KeptPage>();
  readonly #refusals = new WeakMap<RequestContext['request'], { error: unknown }>();
  readonly #operations = new LRUCache<string, { repeatable: { name: string | null } | null }>({ max: mostOperations });

  constructor(
    private readonly service: SearchService,
    maxBytes: number,
  ) {
    this.#answers = new LRUCache({
      maxSize: Math.max(1, Math.floor(maxBytes)),
      sizeCalculation: ({ answer, of }, key) => answer.body.length + (key.length + of.key.length) * 2 + overheadBytes,
    });
  }

  /** Tells that an operation was answered from a kept page. */
  answered({ request }: RequestContext, page: KeptPage): void {
    this.#pages.set(request, page);
  }

  /** Throws where whoever asks was refused before the operation was executed: they are not to be counted twice. */
  throwRefusal({ request }: RequestContext): void {
    const refusal = this.#refusals.get(request);
    if (refusal) throw refusal.error;
  }

  /** @param admit throws where whoever asks may not search now: then the operation is executed, which says so */
  behind(schema: GraphQLSchema, admit: (context: RequestContext) => Promise<void>): RepeatedAnswers<RequestContext> {
    return {
      find: async (key, context) => {
        const kept = this.#answers.get(key);
        if (!kept) return null;
        const started = performance.now();
        const page = kept.page.deref();
        // Where the library cannot be read, execution tells.
        if (!page || !(await this.service.isStill({ ...kept.of, page }).catch(() => false))) {
          this.#answers.delete(key);
          return null;
        }
        nameOperation(kept.answer.operationName);
        try {
          await admit(context);
        } catch (error) {
          this.#refusals.set(context.request, { error });
          return null;
        }
        this.service.answeredAgain(kept.of, performance.now() - started);
        return kept.answer;
      },
      keep: (key, { request }, query, { headers, body }) => {
        const from = this.#pages.get(request);
        if (!from || body.length > largestAnswer || key.length > longestOperation) return;
        let operation = this.#operations.get(query);
        if (!operation) this.#operations.set(query, (operation = { repeatable: repeatable(schema, query) }));
        if (!operation.repeatable) return;
        const { page, ...of } = from;
        // Short bodies share a block with others, which is not to be held for one of them.
        const own = Buffer.allocUnsafeSlow(body.length);
        body.copy(own);
        this.#answers.set(key, { page: new WeakRef(page), of, answer: { headers, body: own, operationName: operation.repeatable.name } });
      },
    };
  }
}
