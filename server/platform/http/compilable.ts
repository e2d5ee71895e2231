import {
  type DocumentNode,
  getNamedType,
  type GraphQLInputType,
  type GraphQLSchema,
  isInputObjectType,
  isInputType,
  Kind,
  type OperationDefinitionNode,
  typeFromAST,
  valueFromASTUntyped,
  visit,
  BREAK,
} from 'graphql';
import { SelectionCount } from './selections.js';

/** Compiled code grows with every field where it is asked for. */
const mostSelections = 500;
const introspection = new Set(['__schema', '__type']);

/**
 * Whether graphql-jit does with an operation as graphql-js does. Left to the latter: what is large; introspection; `@include` and `@skip`,
 * whose conditions at one use of a fragment count at the others; variables of input objects with defaults, which it takes for missing.
 */
export function isCompilable(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode): boolean {
  if (new SelectionCount(document).of(operation) > mostSelections) return false;
  for (const { type } of operation.variableDefinitions ?? []) {
    const known = typeFromAST(schema, type);
    if (!known || !isInputType(known) || hasDefaults(known, new Set())) return false;
  }
  let isPlain = true;
  const stop = () => {
    isPlain = false;
    return BREAK;
  };
  visit(document, {
    Field: ({ name }) => (introspection.has(name.value) ? stop() : undefined),
    Directive: ({ name }) => (name.value === 'include' || name.value === 'skip' ? stop() : undefined),
  });
  return isPlain;
}

function hasDefaults(type: GraphQLInputType, seen: Set<string>): boolean {
  const named = getNamedType(type);
  if (!isInputObjectType(named) || seen.has(named.name)) return false;
  seen.add(named.name);
  return Object.values(named.getFields()).some((field) => field.defaultValue !== undefined || hasDefaults(field.type, seen));
}

/** Variables as they came, with the operation's own defaults as they would have come: graphql-jit makes JSON of what these stand for. */
export function givenVariables({ variableDefinitions = [] }: OperationDefinitionNode, variables: Record<string, unknown>): Record<string, unknown> {
  // Without a prototype, whose members would be read for variables of their names.
  const given = Object.assign(Object.create(null) as Record<string, unknown>, variables);
  for (const { variable, defaultValue } of variableDefinitions) {
    const name = variable.name.value;
    if (defaultValue && !Object.hasOwn(variables, name)) given[name] = defaultValue.kind === Kind.NULL ? null : valueFromASTUntyped(defaultValue);
  }
  return given;
}
