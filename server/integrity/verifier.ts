import { type Check, type CheckedStores, select } from './checks/check.js';
import { documents, stuck } from './checks/documents.js';
import { originals } from './checks/originals.js';
import { orphans } from './checks/orphans.js';
import { fullTextLists, passages } from './checks/passages.js';
import { vectorIndex } from './checks/vector-index.js';
import { type Saying } from '../platform/saying.js';
import { type Damage } from './damage.js';

/** Told which store is looked at, and how far the whole is, 0..1. */
type OnProgress = (stores: Saying, progress: number) => void;

/** One after another; those that wait for different processes side by side. */
const checks: [store: Record<'en' | 'ja', string>, check: Check][][] = [
  [[{ en: 'originals', ja: '原本' }, originals]],
  [[{ en: 'texts and chunks', ja: '本文とチャンク' }, documents]],
  [
    [{ en: 'passages', ja: 'チャンクの内容' }, passages],
    [{ en: 'vector index', ja: 'ベクトル索引' }, vectorIndex],
  ],
  [[{ en: 'full text', ja: '全文索引' }, fullTextLists]],
  [[{ en: 'orphans', ja: '孤立データ' }, orphans]],
  [[{ en: 'states', ja: '処理状態' }, stuck]],
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
      const stores = together.map(([store]) => store);
      onProgress({ en: stores.map(({ en }) => en).join(', '), ja: stores.map(({ ja }) => ja).join('、') }, done / checks.length);
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
