import {
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationRule,
} from 'graphql';

/**
 * Counts the fields that an operation asks for once its fragments are written out where they are used: a short text can stand for
 * millions, in width as well as in depth.
 */
export class SelectionCount {
  readonly #fragments: Map<string, FragmentDefinitionNode>;
  /** By fragment; 0 while it is being counted, so that one that uses itself ends. */
  readonly #counts = new Map<string, number>();

  constructor(document: DocumentNode) {
    this.#fragments = new Map(document.definitions.flatMap((one) => (one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one]] : [])));
  }

  of(operation: OperationDefinitionNode): number {
    return this.#in(operation.selectionSet);
  }

  #in({ selections }: SelectionSetNode): number {
    let count = 0;
    for (const selection of selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) count += this.#ofFragment(selection.name.value);
      else if (selection.kind === Kind.INLINE_FRAGMENT) count += this.#in(selection.selectionSet);
      else count += 1 + (selection.selectionSet ? this.#in(selection.selectionSet) : 0);
    }
    return count;
  }

  #ofFragment(name: string): number {
    const known = this.#counts.get(name);
    if (known !== undefined) return known;
    const fragment = this.#fragments.get(name);
    this.#counts.set(name, 0);
    const count = fragment ? this.#in(fragment.selectionSet) : 0;
    this.#counts.set(name, count);
    return count;
  }
}

/** Refuses operations that ask for more fields than `most`. */
export function maxSelectionsRule(most: number): ValidationRule {
  return (context) => {
    const counts = new SelectionCount(context.getDocument());
    return {
      OperationDefinition(operation) {
        const count = counts.of(operation);
        if (count > most)
          context.reportError(
            new GraphQLError(`The operation asks for ${count} fields, with its fragments written out; ${most} are accepted. Ask for less at once.`, {
              nodes: operation,
            }),
          );
        return false;
      },
    };
  };
}
