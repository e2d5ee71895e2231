import { type SelectQueryBuilder } from 'typeorm';
import { type Connection, decodeCursor, pageSize, toConnection } from './graphql-types.js';

type Position = [at: string, id: string];
const isPosition = (value: unknown): value is Position => Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string');

/**
 * One page of rows, newest first by a date and by id among equals.
 * @param filtered makes the query for all of them
 * @throws AppError BAD_USER_INPUT for a wrong page size or cursor
 */
export async function newestFirst<Row extends { id: string }>(
  filtered: () => SelectQueryBuilder<Row>,
  dateOf: { column: keyof Row & string; of: (row: Row) => Date },
  first: number,
  after: string | null,
): Promise<Connection<Row>> {
  const size = pageSize(first);
  const position = decodeCursor(after, isPosition);
  const query = filtered();
  const date = `${query.alias}.${dateOf.column}`;
  const id = `${query.alias}.id`;
  query
    .orderBy(date, 'DESC')
    .addOrderBy(id, 'DESC')
    .take(size + 1);
  if (position) query.andWhere(`(${date} < :at OR (${date} = :at AND ${id} < :id))`, { at: position[0], id: position[1] });
  const [rows, totalCount] = await Promise.all([query.getMany(), filtered().getCount()]);
  return toConnection(rows, size, totalCount, (row): Position => [dateOf.of(row).toISOString(), row.id], position !== null);
}
