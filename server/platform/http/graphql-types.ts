import { GraphQLDateTimeISO, GraphQLJSONObject } from 'graphql-scalars';
import { GraphQLScalarType } from 'graphql';
import { type ClassType, Field, Int, ObjectType, registerEnumType } from 'type-graphql';
import { badInput } from '../errors.js';

export { GraphQLJSONObject as JSONObject };

export const DateTime = new GraphQLScalarType<Date, string>({ ...GraphQLDateTimeISO.toConfig(), name: 'DateTime', description: 'ISO 8601, UTC.' });

/** Of sentences that the server composes. */
export enum Language {
  EN = 'en',
  JA = 'ja',
}
registerEnumType(Language, { name: 'Language' });

@ObjectType({ description: 'https://relay.dev/graphql/connections.htm#sec-undefined.PageInfo' })
export class PageInfo {
  @Field(() => Boolean)
  hasNextPage!: boolean;

  @Field(() => Boolean)
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true })
  startCursor!: string | null;

  @Field(() => String, { nullable: true })
  endCursor!: string | null;
}

export interface Connection<T> {
  edges: { node: T; cursor: string }[];
  pageInfo: PageInfo;
  totalCount: number;
}

/** Makes the Relay connection and edge types of a node type. */
export function connectionOf<T extends object>(name: string, nodeType: ClassType<T>) {
  @ObjectType(`${name}Edge`, { simpleResolvers: true })
  class Edge {
    @Field(() => nodeType)
    node!: T;

    @Field(() => String)
    cursor!: string;
  }

  @ObjectType(`${name}Connection`, { simpleResolvers: true })
  class ConnectionType {
    @Field(() => [Edge])
    edges!: Edge[];

    @Field(() => PageInfo)
    pageInfo!: PageInfo;

    @Field(() => Int, { description: 'Number of all nodes, on every page together.' })
    totalCount!: number;
  }
  return ConnectionType;
}

export const mostPerPage = 100;

/** Checks `first`: 1..100. */
export function pageSize(first: number): number {
  if (!Number.isInteger(first) || first < 1 || first > mostPerPage)
    throw badInput(`first must be between 1 and ${mostPerPage}, not ${first}.`, `Ask for at most ${mostPerPage} at a time and page on with "after".`);
  return first;
}

export function encodeCursor(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Reads a cursor this server gave out; `check` tells whether it is one of this list. */
export function decodeCursor<T>(cursor: string | null | undefined, check: (value: unknown) => value is T): T | null {
  if (cursor === null || cursor === undefined) return null;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    value = undefined;
  }
  if (!check(value)) throw badInput('The cursor in "after" is not one of this list.', 'Use endCursor of the page before, or leave "after" out.');
  return value;
}

/** A page from one row more than asked for. */
export function toConnection<T>(rows: T[], first: number, totalCount: number, cursorOf: (row: T) => unknown, hasPreviousPage: boolean): Connection<T> {
  const edges = rows.slice(0, first).map((node) => ({ node, cursor: encodeCursor(cursorOf(node)) }));
  return {
    edges,
    totalCount,
    pageInfo: { hasNextPage: rows.length > first, hasPreviousPage, startCursor: edges[0]?.cursor ?? null, endCursor: edges.at(-1)?.cursor ?? null },
  };
}
