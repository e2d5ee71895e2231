import { createHash } from 'node:crypto';
import { type EntityManager } from 'typeorm';
import { AppStateEntity, type Database } from '../platform/database/index.js';
import { type Saying } from '../platform/saying.js';

/** What a question scored in one run. */
export interface QueryScores {
  id: string;
  /** Documents it expects that are still in the library. */
  documentIds: string[];
  ndcg: number;
  recall: number;
  vectorNdcg: number;
  mrr: number;
}

/** A question's scores in runs without an alert, newest first. */
interface History {
  /** Of the documents that are expected: with others its scores are others. */
  expects: string;
  /** By measure, in the order of `measures`; runs of earlier versions lack the last. */
  scores: number[][];
}

interface State {
  latest: Record<string, History>;
  usual: Record<string, History>;
  /** What a slow fall is seen by: the best that was usual since an operator last accepted scores. Earlier versions have none. */
  accepted?: Record<string, History>;
}

/** How far a measure fell, as a mean over the questions that were scored before. */
export interface Fall {
  measure: (typeof measures)[number];
  from: number;
  to: number;
}

const names: Record<Fall['measure'], { en: string; ja: string }> = {
  ndcg: { en: 'nDCG@10', ja: 'nDCG@10' },
  recall: { en: 'recall@10', ja: '再現率@10' },
  vectorNdcg: { en: 'nDCG@10 of the vector index alone', ja: 'ベクトル索引だけの nDCG@10' },
  mrr: { en: 'MRR', ja: 'MRR' },
};

/** What fell, in words; null where nothing did. */
export function tellFalls(falls: Fall[]): Saying | null {
  if (falls.length === 0) return null;
  const told = falls.map(({ measure, from, to }) => ({
    en: `${names[measure].en} fell from ${from.toFixed(3)} to ${to.toFixed(3)}`,
    ja: `${names[measure].ja} が ${from.toFixed(3)} から ${to.toFixed(3)} に下がりました`,
  }));
  return { en: told.map(({ en }) => en).join('; '), ja: told.map(({ ja }) => ja).join('。') };
}

const stateKey = 'golden.scores';
const measures = ['ndcg', 'recall', 'vectorNdcg', 'mrr'] as const;
/** Runs whose middle is a question's usual score. */
const runsKept = 5;

/**
 * What each question usually scores, so that a run is compared with others over the same questions: a hard one that was added, or a
 * document that is expected in addition, is no fall. A run that fell does not become the measure of the next.
 */
export class UsualScores {
  constructor(private readonly database: Database) {}

  /** @returns measures that fell by more than `most` (0..1) */
  async falls(scored: QueryScores[], most: number): Promise<Fall[]> {
    const { usual, accepted = {} } = await this.#read(this.database.read);
    return measures.flatMap((measure, index) => {
      const froms = [usual, accepted].flatMap((before) => {
        const known = scored.filter((query) => isKnown(before[query.id], query, index));
        if (known.length === 0) return [];
        const from = known.reduce((sum, { id }) => sum + middle(before[id]!.scores, index), 0) / known.length;
        const to = known.reduce((sum, query) => sum + query[measure], 0) / known.length;
        return from - to > most ? [{ measure, from, to }] : [];
      });
      return froms.toSorted((a, b) => b.from - b.to - (a.from - a.to)).slice(0, 1);
    });
  }

  /** @param isUsual whether the scores count for what is usual from now on */
  async keep(tx: EntityManager, scored: QueryScores[], isUsual: boolean): Promise<void> {
    const before = await this.#read(tx);
    const latest = Object.fromEntries(
      scored.map((query): [string, History] => [query.id, { expects: expects(query), scores: [measures.map((measure) => query[measure])] }]),
    );
    const usual = isUsual ? joined(latest, before.usual) : before.usual;
    await this.#write(tx, { latest, usual, accepted: isUsual ? raised(usual, before.accepted ?? before.usual) : (before.accepted ?? before.usual) });
  }

  /** What the latest run scored is usual from now on. */
  async accept(tx: EntityManager): Promise<void> {
    const { latest } = await this.#read(tx);
    await this.#write(tx, { latest, usual: latest, accepted: latest });
  }

  async #read(manager: EntityManager): Promise<State> {
    const row = await manager.findOneBy(AppStateEntity, { key: stateKey });
    return row ? (JSON.parse(row.value) as State) : { latest: {}, usual: {} };
  }

  async #write(tx: EntityManager, state: State): Promise<void> {
    await tx.save(Object.assign(new AppStateEntity(), { key: stateKey, value: JSON.stringify(state) }));
  }
}

/** Questions of which no run knows any longer are forgotten. */
function joined(latest: Record<string, History>, before: Record<string, History>): Record<string, History> {
  return Object.fromEntries(
    Object.entries(latest).map(([id, { expects: expected, scores }]) => {
      const earlier = before[id]?.expects === expected ? before[id].scores : [];
      return [id, { expects: expected, scores: [...scores, ...earlier].slice(0, runsKept) }];
    }),
  );
}

/** What is accepted, where what is usual is no better on the whole: a slow fall must not take along what it is compared with. */
function raised(usual: Record<string, History>, accepted: Record<string, History>): Record<string, History> {
  const shared = Object.keys(usual).filter((id) => accepted[id]?.expects === usual[id]!.expects);
  const isBetter = measures.map((_, index) => {
    const total = (of: Record<string, History>) => shared.reduce((sum, id) => sum + middle(of[id]!.scores, index), 0);
    return total(usual) > total(accepted);
  });
  return Object.fromEntries(
    Object.entries(usual).map(([id, { expects: expected, scores }]) => {
      const now = measures.map((_, index) => middle(scores, index));
      if (!shared.includes(id)) return [id, { expects: expected, scores: [now] }];
      return [id, { expects: expected, scores: [now.map((value, index) => (isBetter[index] ? value : middle(accepted[id]!.scores, index)))] }];
    }),
  );
}

/** The middle score of the runs that have the measure, 0 where none has. */
function middle(runs: number[][], measure: number): number {
  const values = runs.flatMap((scores) => scores[measure] ?? []).sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)] ?? 0;
}

const isKnown = (history: History | undefined, query: QueryScores, measure: number) =>
  history?.expects === expects(query) && history.scores.some((scores) => scores[measure] !== undefined);
const expects = ({ documentIds }: QueryScores) => createHash('sha1').update(documentIds.toSorted().join()).digest('base64url').slice(0, 12);
