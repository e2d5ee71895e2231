import { randomUUID } from 'node:crypto';
import { In, IsNull, Not } from 'typeorm';
import { type Settings } from '../config/index.js';
import { DocumentEntity } from '../documents/index.js';
import { type HealthCheck } from '../health/index.js';
import { type Comparison, type GoldenScores, type KnowledgeIndex, type SearchedIndex } from '../indexing/index.js';
import { type Database } from '../platform/database/index.js';
import { AppError, badInput, notFound, sayingOf } from '../platform/errors.js';
import { type Connection, decodeCursor, pageSize, toConnection } from '../platform/http/graphql-types.js';
import { type JobContext, type JobEntity, type JobHandler, type JobQueue } from '../platform/queue/index.js';
import { outOf, say, type Saying } from '../platform/saying.js';
import { type SearchService } from '../search/index.js';
import { GoldenQueryEntity, GoldenRunEntity } from './golden.entity.js';
import { documentsNamed } from './document-names.js';
import { type ImportedFile } from './import.js';
import { depth, measure, type Measures } from './measures.js';
import { type QueryScores, tellFalls, UsualScores } from './usual-scores.js';

export const goldenKind = 'GOLDEN';

export interface ImportOutcome {
  added: number;
  /** Lines that said what was kept already. */
  unchanged: number;
  problems: Saying[];
}

interface GoldenParts {
  settings: Pick<Settings, 'GOLDEN_ALERT_DROP'>;
  database: Database;
  index: KnowledgeIndex;
  search: SearchService;
  jobs: JobQueue;
}

const longestQuery = 1000;
const mostExpected = 50;
const mostRuns = 365;
const idsPerStatement = 500;

type Position = [createdAt: string, id: string];
const isPosition = (value: unknown): value is Position => Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string');

const tooMany = (count: number) =>
  badInput(
    { en: `${mostExpected} documents can be expected, not ${count}.`, ja: `正解の文書は ${mostExpected} 件までです（${count} 件）。` },
    { en: 'Name the best ones.', ja: '最もよいものを選んでください。' },
  );

/** Questions with known answers, by which the live index is scored. */
export class GoldenService implements JobHandler {
  readonly concurrency = 1;
  readonly #usual: UsualScores;

  constructor(private readonly parts: GoldenParts) {
    this.#usual = new UsualScores(parts.database);
    parts.jobs.register(goldenKind, this);
  }

  async list(first: number, after: string | null): Promise<Connection<GoldenQueryEntity>> {
    const size = pageSize(first);
    const position = decodeCursor(after, isPosition);
    const query = this.parts.database.read.createQueryBuilder(GoldenQueryEntity, 'golden').orderBy('golden.createdAt', 'DESC').addOrderBy('golden.id', 'DESC');
    if (position) query.where('(golden.createdAt < :at OR (golden.createdAt = :at AND golden.id < :id))', { at: position[0], id: position[1] });
    const [rows, totalCount] = await Promise.all([query.limit(size + 1).getMany(), this.parts.database.read.count(GoldenQueryEntity)]);
    return toConnection(rows, size, totalCount, (row): Position => [row.createdAt.toISOString(), row.id], position !== null);
  }

  /** Newest first. */
  runs(first: number): Promise<GoldenRunEntity[]> {
    return this.parts.database.read.find(GoldenRunEntity, { order: { at: 'DESC' }, take: pageSize(first) });
  }

  /** Keeps a question; one that is kept already gets the documents in addition. */
  async add(query: string, documentIds: string[]): Promise<GoldenQueryEntity> {
    return (await this.#add(query, documentIds)).golden;
  }

  async #add(query: string, documentIds: string[]): Promise<{ golden: GoldenQueryEntity; isNews: boolean }> {
    const text = query.normalize('NFKC').replace(/\s+/g, ' ').trim();
    if (text === '')
      throw badInput({ en: 'The query is empty.', ja: '質問が空です。' }, { en: 'Write what people ask.', ja: '利用者が尋ねる言葉を書いてください。' });
    if (text.length > longestQuery)
      throw badInput(
        { en: `The query has ${text.length} characters; ${longestQuery} can be kept.`, ja: `質問は ${longestQuery} 文字までです（${text.length} 文字）。` },
        { en: 'Shorten it.', ja: '短くしてください。' },
      );
    this.parts.search.check(text);
    const ids = [...new Set(documentIds)];
    if (ids.length === 0)
      throw badInput(
        { en: 'No expected document was named.', ja: '正解の文書が指定されていません。' },
        { en: 'Name the documents that answer the query.', ja: '質問の答えになる文書を指定してください。' },
      );
    if (ids.length > mostExpected) throw tooMany(ids.length);
    const known = await this.#present(ids);
    const missing = ids.find((id) => !known.has(id));
    if (missing !== undefined) throw notFound('document', missing);
    return this.parts.database.write(async (tx) => {
      const existing = await tx.findOneBy(GoldenQueryEntity, { query: text });
      if (existing && ids.every((id) => existing.documentIds.includes(id))) return { golden: existing, isNews: false };
      const golden =
        existing ?? Object.assign(new GoldenQueryEntity(), { id: randomUUID(), query: text, documentIds: [], createdAt: new Date(), lastRank: null });
      const still = await this.#present(golden.documentIds);
      golden.documentIds = [...new Set([...golden.documentIds.filter((id) => still.has(id)), ...ids])];
      if (golden.documentIds.length > mostExpected) throw tooMany(golden.documentIds.length);
      return { golden: await tx.save(golden), isNews: true };
    });
  }

  /** Which of the documents are in the library. */
  async #present(ids: string[]): Promise<Set<string>> {
    const present = new Set<string>();
    for (let at = 0; at < ids.length; at += idsPerStatement) {
      const where = { id: In(ids.slice(at, at + idsPerStatement)), deletedAt: IsNull() };
      for (const { id } of await this.parts.database.read.find(DocumentEntity, { where, select: { id: true } })) present.add(id);
    }
    return present;
  }

  /** Questions with the documents they expect that are still in the library; those that lack all of them cannot be scored. */
  async #scorable(): Promise<GoldenQueryEntity[]> {
    const queries = await this.parts.database.read.find(GoldenQueryEntity, { order: { createdAt: 'ASC' } });
    const present = await this.#present([...new Set(queries.flatMap(({ documentIds }) => documentIds))]);
    for (const golden of queries) golden.documentIds = golden.documentIds.filter((id) => present.has(id));
    return queries.filter(({ documentIds }) => documentIds.length > 0);
  }

  /** Documents that a question expects; null where it is not kept. */
  async expectedOf(query: string): Promise<string[] | null> {
    const text = query.normalize('NFKC').replace(/\s+/g, ' ').trim();
    return (await this.parts.database.read.findOneBy(GoldenQueryEntity, { query: text }))?.documentIds ?? null;
  }

  async remove(ids: string[]): Promise<number> {
    const { affected } = await this.parts.database.write((tx) => tx.delete(GoldenQueryEntity, { id: In(ids) }));
    return affected ?? ids.length;
  }

  /** Adds what can be added; lines whose documents are not in the library are named. */
  async import({ queries, problems: unread }: ImportedFile): Promise<ImportOutcome> {
    let added = 0;
    let unchanged = 0;
    const problems: Saying[] = [...unread];
    for (const { line, query, expected } of queries) {
      const ids: string[] = [];
      for (const name of expected) {
        const found = await documentsNamed(this.parts.database, name);
        if (found.length === 1) ids.push(found[0]!);
        else if (found.length > 1)
          problems.push({
            en: `Line ${line}: several documents are called "${name}"; name the one that is meant by its id.`,
            ja: `${line} 行目: 「${name}」という文書が複数あります。ID で指定してください。`,
          });
        else
          problems.push({
            en: `Line ${line}: no document has the id, file name, address or title "${name}".`,
            ja: `${line} 行目: ID・ファイル名・アドレス・題名が「${name}」の文書はありません。`,
          });
      }
      if (ids.length === 0) {
        if (expected.length === 0) problems.push({ en: `Line ${line}: no expected document is named.`, ja: `${line} 行目: 正解の文書が指定されていません。` });
        continue;
      }
      try {
        if ((await this.#add(query, ids)).isNews) added += 1;
        else unchanged += 1;
      } catch (error) {
        problems.push({ en: `Line ${line}: ${say(sayingOf(error))}`, ja: `${line} 行目: ${say(sayingOf(error), 'ja')}` });
      }
    }
    return { added, unchanged, problems };
  }

  score(): Promise<JobEntity> {
    return this.parts.jobs.enqueue({ kind: goldenKind });
  }

  async run({ signal, report }: JobContext): Promise<Record<string, unknown>> {
    const { settings, database, index, search } = this.parts;
    const queries = await this.#scorable();
    await this.#forgetAllBut(queries);
    if (queries.length === 0) return { queries: 0 };
    const { model, number: generation } = index.active;
    const scored: QueryScores[] = [];
    const means = await this.#means(
      queries,
      (query) => search.rankedDocuments(query, depth),
      signal,
      async (golden, found, done) => {
        // Searches are answered by copies of the vectors where they fit into memory: damage to either counts.
        const byVectors = await Promise.all((['stored', 'answering'] as const).map((by) => search.nearestDocuments(golden.query, depth, by)));
        const vectorNdcg = Math.min(...byVectors.map((documents) => measure(documents, golden.documentIds).ndcg));
        scored.push({ id: golden.id, documentIds: golden.documentIds, ndcg: found.ndcg, recall: found.recall, vectorNdcg, mrr: found.mrr });
        if (found.firstRank !== golden.lastRank) await database.write((tx) => tx.update(GoldenQueryEntity, { id: golden.id }, { lastRank: found.firstRank }));
        report({ progress: done / queries.length, message: outOf(done, queries.length, { en: 'queries', ja: 'クエリ' }) });
      },
    );
    const n = queries.length;
    const scores = { ...means, vectorNdcg: scored.reduce((sum, { vectorNdcg }) => sum + vectorNdcg / n, 0) };
    const falls = await this.#usual.falls(scored, settings.GOLDEN_ALERT_DROP);
    const alert = tellFalls(falls);
    await database.write(async (tx) => {
      await tx.save(Object.assign(new GoldenRunEntity(), { id: randomUUID(), at: new Date(), model, generation, queries: n, ...scores, alert }));
      await this.#usual.keep(tx, scored, alert === null);
      const old = await tx.find(GoldenRunEntity, { order: { at: 'DESC' }, skip: mostRuns, take: 100, select: { id: true } });
      if (old.length > 0) await tx.delete(GoldenRunEntity, { id: In(old.map(({ id }) => id)) });
    });
    return { queries: n, ...scores, alert: alert && say(alert) };
  }

  /** What can no longer be scored has no rank; where nothing can, nothing has fallen. */
  async #forgetAllBut(queries: GoldenQueryEntity[]): Promise<void> {
    await this.parts.database.write(async (tx) => {
      const ranked = await tx.find(GoldenQueryEntity, { where: { lastRank: Not(IsNull()) }, select: { id: true } });
      const scored = new Set(queries.map(({ id }) => id));
      for (const { id } of ranked) if (!scored.has(id)) await tx.update(GoldenQueryEntity, { id }, { lastRank: null });
      if (queries.length === 0) await tx.update(GoldenRunEntity, { alert: Not(IsNull()) }, { alert: null });
    });
  }

  /** An operator's word that what the newest run scored is as it should be: its alert ends, and the next is compared with it. */
  async accept(): Promise<GoldenRunEntity> {
    return this.parts.database.write(async (tx) => {
      const [newest] = await tx.find(GoldenRunEntity, { order: { at: 'DESC' }, take: 1 });
      if (!newest)
        throw new AppError(
          'CONFLICT',
          { en: 'No golden query has been scored yet.', ja: '検索の模範はまだ採点されていません。' },
          { en: 'Score them first.', ja: '先に採点してください。' },
        );
      await this.#usual.accept(tx);
      return tx.save(Object.assign(newest, { alert: null }));
    });
  }

  async #means(
    queries: GoldenQueryEntity[],
    ask: (query: string) => Promise<string[]>,
    signal: AbortSignal,
    each: (golden: GoldenQueryEntity, found: Measures, done: number) => Promise<void> = () => Promise.resolve(),
  ): Promise<GoldenScores> {
    const means = { ndcg: 0, recall: 0, mrr: 0 };
    for (const [index, golden] of queries.entries()) {
      signal.throwIfAborted();
      const found = measure(await ask(golden.query), golden.documentIds);
      means.ndcg += found.ndcg / queries.length;
      means.recall += found.recall / queries.length;
      means.mrr += found.mrr / queries.length;
      await each(golden, found, index + 1);
    }
    return means;
  }

  /** Scores an index beside the one that answers. @returns null where there is no golden query */
  async compare(candidate: SearchedIndex, signal: AbortSignal): Promise<Comparison | null> {
    const { search } = this.parts;
    const queries = await this.#scorable();
    if (queries.length === 0) return null;
    const other = search.over(candidate);
    return {
      queries: queries.length,
      active: await this.#means(queries, (query) => search.rankedDocuments(query, depth), signal),
      candidate: await this.#means(queries, (query) => other(query, depth), signal),
    };
  }

  /** Search quality as a part of the system's health. */
  healthCheck(): HealthCheck {
    return {
      name: 'search_quality',
      timeoutMs: 2000,
      essential: false,
      check: async () => {
        const [newest] = await this.runs(1);
        if (!newest) return { status: 'HEALTHY', message: { en: 'No golden query has been scored yet.', ja: '検索の模範はまだ採点されていません。' } };
        if (newest.alert)
          return {
            status: 'DEGRADED',
            message: { en: say(newest.alert), ja: `検索品質が下がりました（${say(newest.alert, 'ja')}）。` },
            remedy: {
              en: 'Look at the golden queries that are no longer found; rebuild the vector index if it was damaged. Accept the scores if they are as they should be.',
              ja: '見つからなくなった模範を調べてください。ベクトル索引が壊れていれば再構築してください。意図した結果であれば、新しい基準として認めてください。',
            },
          };
        return {
          status: 'HEALTHY',
          message: {
            en: `nDCG@10 ${newest.ndcg.toFixed(3)} over ${newest.queries} golden queries`,
            ja: `nDCG@10 ${newest.ndcg.toFixed(3)}（模範 ${newest.queries} 件）`,
          },
        };
      },
    };
  }
}
