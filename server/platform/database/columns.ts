import { type ColumnOptions, type DataSourceOptions, getMetadataArgsStorage, type ValueTransformer } from 'typeorm';

/**
 * Column types that SQLite and PostgreSQL share. Dates are ISO 8601 UTC text, so that they sort and compare alike
 * on both; JSON is text; numbers beyond 32 bit come back as numbers.
 */
const isoDate: ValueTransformer = {
  to: (value: Date | null | undefined) => (value instanceof Date ? value.toISOString() : value),
  from: (value: string | null) => (value === null ? null : new Date(value)),
};
const wideNumber: ValueTransformer = {
  to: (value: number | null) => value,
  from: (value: string | number | null) => (value === null ? null : Number(value)),
};

export const dateColumn = (options: ColumnOptions = {}): ColumnOptions => ({ type: 'varchar', length: 30, transformer: isoDate, ...options });
export const jsonColumn = (options: ColumnOptions = {}): ColumnOptions => ({ type: 'simple-json', ...options });
export const wideIntegerColumn = (options: ColumnOptions = {}): ColumnOptions => ({ type: 'bigint', transformer: wideNumber, ...options });
export const blobColumn = (options: ColumnOptions = {}): ColumnOptions => ({ type: 'blob', ...options });

/** The two types without a common name, for migrations. */
export const blobType = (dialect: DataSourceOptions['type']) => (dialect === 'postgres' ? 'bytea' : 'blob');

/** Binary columns have no type name that both drivers know: entities say `blob`, and PostgreSQL reads `bytea`. */
export function adaptBlobColumns(dialect: 'sqlite' | 'postgres'): void {
  for (const { options } of getMetadataArgsStorage().columns) {
    if (options.type === 'blob' || options.type === 'bytea') options.type = blobType(dialect);
  }
}
