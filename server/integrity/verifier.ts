import { type Check, type CheckedStores, select } from './checks/check.js';
import { documents, stuck } from './checks/documents.js';
import { originals } from './checks/originals.js';
import { orphans } from './checks/orphans.js';
import { fullTextLists, passages } from './checks/passages.js';
import { vectorIndex } from './checks/vector-index.js';
import { type Damage } from './damage.js';

/** Told which store is looked at, and how far the whole is, 0..1. */
type OnProgress = (stage: string, progress: number) => void;

/** One after another; those that wait for different processes side by side. */
const checks: [stage: string, check: Check][][] = [
  [['originals', originals]],
  [['texts and chunks', documents]],
  [
    ['passages', passages],
    ['vector index', vectorIndex],
  ],
  [['full text', fullTextLists]],
  [['orphans', orphans]],
  [['states', stuck]],
];

/** Compares originals, texts, chunks, full text, vectors and the vector index with each other, in both directions, while the product serves. */
export class Verifier {
  constructor(private readonly stores: CheckedStores) {}

  /** @returns every difference; those of documents that changed meanwhile, or are about to, are left out */
  async verify(signal: AbortSignal, onProgress: OnProgress = () => undefined): Promise<Damage[]> {
    const startedAt = new Date().toISOString();
    const found: Damage[] = [];
    let done = 0;
    for (const together of checks) {
      signal.throwIfAborted();
      onProgress(together.map(([stage]) => stage).join(', '), done / checks.length);
      for (const damages of await Promise.all(together.map(([, check]) => check(this.stores, signal)))) found.push(...damages);
      done += 1;
    }
    // One that arrived, changed or went meanwhile was seen by some of the looks as it was, and by others as it is.
    const rows = await select<{ id: string }>(
      this.stores,
      `SELECT d.id FROM documents d WHERE d.updated_at < '${startedAt}' AND d.deleted_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.subject_id = d.id AND j.status IN ('QUEUED', 'RUNNING'))`,
    );
    const standing = new Set(rows.map(({ id }) => id));
    return found.filter(({ documentId }) => documentId === null || standing.has(documentId));
  }
}
