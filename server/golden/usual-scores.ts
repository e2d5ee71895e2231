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
}

/** A question's scores in runs without an alert, newest first. */
interface History {
  /** Of the documents that are expected: with others its scores are others. */
  expects: string;
  scores: [ndcg: number, recall: number, vectorNdcg: number][];
}

interface State {
  latest: Record<string, History>;
  usual: Record<string, History>;
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
const measures = ['ndcg', 'recall', 'vectorNdcg'] as const;
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
    const { usual } = await this.#read(this.database.read);
    const known = scored.flatMap((query) => {
      const history = usual[query.id];
      return history?.expects === expects(query) ? [{ query, history }] : [];
    });
    if (known.length === 0) return [];
    return measures.flatMap((measure, index) => {
      const from = known.reduce((sum, { history }) => sum + middle(history.scores.map((scores) => scores[index]!)), 0) / known.length;
      const to = known.reduce((sum, { query }) => sum + query[measure], 0) / known.length;
      return from - to > most ? [{ measure, from, to }] : [];
    });
  }

  /** @param isUsual whether the scores count for what is usual from now on */
  async keep(tx: EntityManager, scored: QueryScores[], isUsual: boolean): Promise<void> {
    const before = await this.#read(tx);
    const latest = Object.fromEntries(
      scored.map((query): [string, History] => [query.id, { expects: expects(query), scores: [[query.ndcg, query.recall, query.vectorNdcg]] }]),
    );
    await this.#write(tx, { latest, usual: isUsual ? joined(latest, before.usual) : before.usual });
  }

  /** What the latest run scored is usual from now on. */
  async accept(tx: EntityManager): Promise<void> {
    const { latest } = await this.#read(tx);
    await this.#write(tx, { latest, usual: latest });
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

const middle = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const expects = ({ documentIds }: QueryScores) => createHash('sha1').update(documentIds.toSorted().join()).digest('base64url').slice(0, 12);
