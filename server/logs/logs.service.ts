import { type Connection, decodeCursor, encodeCursor, pageSize } from '../platform/http/graphql-types.js';
import { type Level, type Logging } from '../platform/logging/index.js';
import { latestValues } from '../platform/pubsub/index.js';
import { type LogCriteria, type LogEntry, lineFilter, parseLine } from './log-entry.js';
import { type LogFiles } from './log-files.js';

/** How many entries of exactly that time were shown: several may share a millisecond. */
type Position = [at: string, shown: number];
const isPosition = (value: unknown): value is Position =>
  Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && Number.isInteger(value[1]);

/** Entries that wait for a slow reader of the tail; beyond that the oldest of them give way. */
const mostPending = 1000;
/** A page looks no further back: more than the files hold unless LOG_FILE_COUNT was raised. */
const mostLinesRead = 500_000;

/** Finds, follows and clears away what was logged. */
export class LogsService {
  constructor(
    private readonly logging: Logging,
    readonly files: LogFiles,
  ) {}

  /** Newest first. `totalCount` counts what was read for this page: the rest of the files is not searched. */
  async list(first: number, after: string | null, criteria: LogCriteria): Promise<Connection<LogEntry>> {
    const size = pageSize(first);
    const position = decodeCursor(after, isPosition);
    const matches = lineFilter(criteria);
    const edges: { node: LogEntry; cursor: string }[] = [];
    let [lastAt, sameAt, read, more] = ['', 0, 0, false];
    for await (const line of this.files.lines()) {
      if ((read += 1) > mostLinesRead) break;
      const entry = matches(line);
      if (!entry) continue;
      const at = entry.at.toISOString();
      [lastAt, sameAt] = at === lastAt ? [lastAt, sameAt + 1] : [at, 1];
      if (position && (at > position[0] || (at === position[0] && sameAt <= position[1]))) continue;
      if (edges.length === size) {
        more = true;
        break;
      }
      edges.push({ node: entry, cursor: encodeCursor([at, sameAt] satisfies Position) });
    }
    return {
      edges,
      totalCount: edges.length + (more ? 1 : 0),
      pageInfo: { hasNextPage: more, hasPreviousPage: position !== null, startCursor: edges[0]?.cursor ?? null, endCursor: edges.at(-1)?.cursor ?? null },
    };
  }

  /** Every entry that is kept, newest first. */
  async *entries(): AsyncGenerator<LogEntry, void, void> {
    for await (const line of this.files.lines()) {
      const entry = parseLine(line);
      if (entry) yield entry;
    }
  }

  /** Entries as they are logged. */
  tail(criteria: LogCriteria): AsyncIterable<LogEntry> {
    const matches = lineFilter(criteria);
    let number = 0;
    return latestValues<LogEntry>(
      (push) =>
        this.logging.onLine((line) => {
          const entry = matches(line);
          if (entry) push(entry);
        }),
      // Nothing is replaced by what is newer until so much waits.
      { keyOf: () => String((number += 1) % mostPending) },
    );
  }

  get level(): Level {
    return this.logging.level;
  }

  setLevel(level: Level): void {
    this.logging.setLevel(level);
    this.logging.root.info({ event: 'log_level', to: level }, 'the log level was changed');
  }
}
