import DataLoader from 'dataloader';
import { type EntityManager } from 'typeorm';
import { asError } from '../errors.js';
import { type Database } from './database.js';

type Work<T, R> = (tx: EntityManager, items: T[]) => Promise<(R | Error)[]>;

const mostItems = 50;

/**
 * Writes of one kind that come at about the same time share a transaction and its statements, most of whose cost does
 * not depend on how many rows they carry. While one is under way the next collects.
 */
export class SharedWrites<T, R> {
  readonly #waiting: DataLoader<T, R>;
  #last: Promise<unknown> = Promise.resolve();

  /** @param work what is done in the transaction; an Error in an item's place is that item's alone */
  constructor(
    private readonly database: Database,
    private readonly work: Work<T, R>,
  ) {
    this.#waiting = new DataLoader(
      (items) => {
        const written = this.#write([...items]);
        this.#last = written.catch(() => undefined);
        return written;
      },
      { cache: false, maxBatchSize: mostItems, batchScheduleFn: (dispatch) => void this.#last.then(() => setImmediate(dispatch)) },
    );
  }

  /** Resolves when the item is kept. */
  add(item: T): Promise<R> {
    return this.#waiting.load(item);
  }

  async #write(items: T[]): Promise<(R | Error)[]> {
    try {
      return await this.database.write((tx) => this.work(tx, items));
    } catch (error) {
      if (items.length === 1) throw error;
    }
    // One that cannot be written must not take the others with it.
    const outcomes = await Promise.allSettled(items.map((item) => this.database.write((tx) => this.work(tx, [item]))));
    return outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value[0]! : asError(outcome.reason)));
  }
}
