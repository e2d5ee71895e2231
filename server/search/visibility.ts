import { In } from 'typeorm';
import { type Settings } from '../config/index.js';
import {
  admits,
  type Catalogue,
  ChunkEntity,
  ChunkVectorEntity,
  type DocumentCriteria,
  DocumentEntity,
  DocumentTextEntity,
  isNarrowing,
} from '../documents/index.js';
import { type KnowledgeIndex } from '../indexing/index.js';
import { type BlobStore } from '../platform/blobs/index.js';
import { type Database } from '../platform/database/index.js';
import { messageOf } from '../platform/errors.js';
import { type FullTextIndex } from '../platform/full-text/index.js';
import { type PassageFinder, type Question } from './passage-finder.js';
import { SearchProfile } from './profile.js';
import { parseQuery } from './query-language.js';
import { type Mode } from './ranking.js';

/** What a document passes on its way into an answer, in order. */
export enum VisibilityStep {
  RECORD = 'RECORD',
  STATE = 'STATE',
  ORIGINAL = 'ORIGINAL',
  TEXT = 'TEXT',
  CHUNKS = 'CHUNKS',
  FULL_TEXT = 'FULL_TEXT',
  VECTORS = 'VECTORS',
  VECTOR_INDEX = 'VECTOR_INDEX',
  PERMISSION = 'PERMISSION',
  FILTERS = 'FILTERS',
  CONSTRAINTS = 'CONSTRAINTS',
  RANKING = 'RANKING',
}

export enum VisibilityRepair {
  REPROCESS = 'REPROCESS',
  UPLOAD_AGAIN = 'UPLOAD_AGAIN',
  DROP_FILTERS = 'DROP_FILTERS',
}

export interface StepResult {
  step: VisibilityStep;
  passed: boolean;
  message: string;
  /** What was found where things are counted: passages, or for RANKING the document's rank. */
  found: number | null;
  /** What should be found, or for RANKING how many documents were ranked. */
  expected: number | null;
  /** For CONSTRAINTS: what is quoted and lacking, and what is to be left out and held. */
  words: string[];
}

/** How the document's best passage scored against the question. */
export interface VisibilityScore {
  score: number;
  semanticScore: number | null;
  lexicalScore: number | null;
  /** Score of the first hit. */
  firstScore: number;
}

type AddStep = (step: VisibilityStep, passed: boolean, message: string, counts?: [found: number | null, expected: number], words?: string[]) => void;

export interface Visibility {
  steps: StepResult[];
  /** The first step that was not passed. */
  lostAt: VisibilityStep | null;
  repair: VisibilityRepair | null;
  /** From 1; null where it is not among the candidates. */
  rank: number | null;
  score: VisibilityScore | null;
}

/** A document's place in the answer to a question. */
interface Ranked {
  /** From 1; null where it is not among the candidates. */
  rank: number | null;
  /** Among so many. */
  documents: number;
  mode: Mode;
  score: VisibilityScore | null;
}

interface VisibilityParts {
  settings: Pick<Settings, 'TIME_ZONE'>;
  database: Database;
  blobs: BlobStore;
  catalogue: Catalogue;
  index: KnowledgeIndex;
  fullText: FullTextIndex;
  finder: PassageFinder;
}

const repairs: Partial<Record<VisibilityStep, VisibilityRepair>> = {
  [VisibilityStep.STATE]: VisibilityRepair.REPROCESS,
  [VisibilityStep.ORIGINAL]: VisibilityRepair.REPROCESS,
  [VisibilityStep.TEXT]: VisibilityRepair.REPROCESS,
  [VisibilityStep.CHUNKS]: VisibilityRepair.REPROCESS,
  [VisibilityStep.FULL_TEXT]: VisibilityRepair.REPROCESS,
  [VisibilityStep.VECTORS]: VisibilityRepair.REPROCESS,
  [VisibilityStep.VECTOR_INDEX]: VisibilityRepair.REPROCESS,
  [VisibilityStep.FILTERS]: VisibilityRepair.DROP_FILTERS,
};
/** What a page shows, and what is looked at beyond it: far more than anybody pages to. */
const page = 10;
const deepestRank = 1000;
/** Passages whose vectors are compared with those stored: what is damaged in a document is seldom one passage only. */
const mostCompared = 200;
/** Vectors have length one, and the index keeps them as they are. */
const sameFrom = 0.999;

/** Answers "why can't I find this document?" by walking it through every store and the ranking of a query. */
export class VisibilityService {
  constructor(private readonly parts: VisibilityParts) {}

  async explain(documentId: string, query: string, mode: Mode, filter: DocumentCriteria): Promise<Visibility> {
    const steps: StepResult[] = [];
    const add: AddStep = (step, passed, message, [found, expected] = [null, 0], words = []) =>
      steps.push({ step, passed, message, found, expected: found === null && expected === 0 ? null : expected, words });
    const document = await this.parts.database.read.findOneBy(DocumentEntity, { id: documentId });
    if (!document || document.deletedAt) {
      add(VisibilityStep.RECORD, false, document ? 'The document was deleted.' : 'There is no document with this id.');
      return finish(steps, null, null);
    }
    add(VisibilityStep.RECORD, true, document.title);
    const answers = document.revision > 0;
    const state = document.error ? `${document.status}: ${document.error.code}, ${document.error.message}` : document.status;
    add(VisibilityStep.STATE, answers, answers ? state : `${state}. It answers once it has been read.`);
    const isDown = !(await this.#stores(document, add));
    if (!answers) return finish(steps, null, null, { document, isDown, mode });
    add(VisibilityStep.PERMISSION, true, 'Everybody who may search may read every document.');
    const parsed = parseQuery(query.normalize('NFKC').replace(/\s+/g, ' ').trim(), this.parts.settings.TIME_ZONE);
    const both = { ...filter, and: [parsed.filter] };
    await this.parts.catalogue.refresh();
    const facts = this.parts.catalogue.facts(documentId);
    const admitted = facts !== undefined && admits(both, facts);
    add(VisibilityStep.FILTERS, admitted, !isNarrowing(both) ? 'No filter is set.' : admitted ? 'It passes the filters.' : 'The filters leave it out.');
    if (parsed.phrases.length + parsed.excluded.length > 0) {
      const { lacks, holds } = await this.parts.finder.ruledOutBy(documentId, parsed);
      const quoted = (words: string[]) => words.map((word) => `"${word}"`).join(', ');
      const told = [
        ...(lacks.length > 0 ? [`No passage of it holds ${quoted(lacks)} as written.`] : []),
        ...(holds.length > 0 ? [`It holds what is to be left out: ${quoted(holds)}.`] : []),
      ];
      add(VisibilityStep.CONSTRAINTS, told.length === 0, told.join(' ') || 'It holds what is quoted and nothing that is to be left out.', undefined, [
        ...lacks,
        ...holds,
      ]);
    }
    const ranked = await this.#ranked(documentId, { query: parsed, mode, filter: both });
    const { rank, documents } = ranked;
    add(
      VisibilityStep.RANKING,
      rank !== null && rank <= page,
      rank === null
        ? `It is not among the ${documents} candidates: other passages are nearer to the question or have more of its words.`
        : `Rank ${rank} of ${documents}${ranked.mode === mode ? '' : ', by words only'}.`,
      [rank, documents],
    );
    return finish(steps, rank, ranked.score, { document, isDown, mode });
  }

  /** Its place as a search shows it; where the first page lacks it, among many more candidates. */
  async #ranked(documentId: string, question: Omit<Question, 'wanted'>): Promise<Ranked> {
    const shown = await this.#rankedTo(1, documentId, question);
    return shown.rank !== null ? shown : this.#rankedTo(deepestRank, documentId, question);
  }

  async #rankedTo(wanted: number, documentId: string, question: Omit<Question, 'wanted'>): Promise<Ranked> {
    const { documents, mode } = await this.parts.finder.find({ ...question, wanted }, new SearchProfile());
    const at = documents.findIndex((ranked) => ranked.documentId === documentId);
    const best = documents[at]?.chunks[0];
    const score = best
      ? { score: best.score, semanticScore: best.semanticScore, lexicalScore: best.lexicalScore, firstScore: documents[0]!.chunks[0]!.score }
      : null;
    return { rank: at < 0 ? null : at + 1, documents: documents.length, mode, score };
  }

  /** @returns whether all of them answered */
  async #stores(document: DocumentEntity, add: AddStep): Promise<boolean> {
    const { database, blobs, index, fullText } = this.parts;
    const { id, revision, sha256 } = document;
    const original = sha256 !== null && blobs.exists(sha256);
    add(VisibilityStep.ORIGINAL, original, original ? 'The original is kept.' : 'The original is missing.');
    const text = await database.read.countBy(DocumentTextEntity, { documentId: id, revision });
    add(VisibilityStep.TEXT, text > 0, text > 0 ? 'Its text is kept.' : 'It has no text.');
    const chunks = await database.read.find(ChunkEntity, { where: { documentId: id, revision }, select: { id: true } });
    const ids = chunks.map((chunk) => chunk.id);
    const n = ids.length;
    add(VisibilityStep.CHUNKS, n > 0 && n === document.chunkCount, `${n} of ${document.chunkCount} passages.`, [n, document.chunkCount]);
    if (n === 0) return true;
    const indexed = await fullText.indexed(ids);
    add(VisibilityStep.FULL_TEXT, indexed === n, `${indexed} of ${n} passages can be found by words.`, [indexed, n]);
    const vectors = await database.read
      .createQueryBuilder(ChunkVectorEntity, 'vector')
      .where('vector.model = :model AND vector.chunkId IN (:...ids)', { model: index.active.model, ids: ids.slice(0, 30_000) })
      .getCount();
    add(VisibilityStep.VECTORS, vectors === n, `${vectors} of ${n} passages have a vector under ${index.active.model}.`, [vectors, n]);
    try {
      const present = (await index.vectors.existing(index.active.collection, ids.map(String))).length;
      const altered = await this.#altered(ids.slice(0, mostCompared));
      const told = altered > 0 ? `, ${altered} with another vector than the one that is stored` : '';
      add(VisibilityStep.VECTOR_INDEX, present === n && altered === 0, `${present} of ${n} passages are in the vector index${told}.`, [present - altered, n]);
      return true;
    } catch (error) {
      add(VisibilityStep.VECTOR_INDEX, false, messageOf(error));
      return false;
    }
  }

  /** How many of the passages the vector index has under another vector than the one that is stored. */
  async #altered(chunkIds: number[]): Promise<number> {
    const { database, index } = this.parts;
    const { collection, model } = index.active;
    const [indexed, stored] = await Promise.all([
      index.vectors.read(collection, chunkIds.map(String)),
      database.read.find(ChunkVectorEntity, { where: { chunkId: In(chunkIds), model }, select: { chunkId: true, vector: true } }),
    ]);
    return stored.filter(({ chunkId, vector }) => {
      const other = indexed.get(String(chunkId));
      return other !== undefined && dot(new Float32Array(new Uint8Array(vector).buffer), other) < sameFrom;
    }).length;
  }
}

/** Stores that a way of searching does not ask. */
const unasked: Record<Mode, readonly VisibilityStep[]> = {
  HYBRID: [],
  KEYWORD: [VisibilityStep.VECTORS, VisibilityStep.VECTOR_INDEX],
  SEMANTIC: [VisibilityStep.FULL_TEXT],
};

interface Walked {
  document: DocumentEntity;
  isDown: boolean;
  mode: Mode;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function finish(steps: StepResult[], rank: number | null, score: VisibilityScore | null, walked?: Walked): Visibility {
  const { document, isDown = false, mode = 'HYBRID' } = walked ?? {};
  const failed = steps.filter(({ passed }) => !passed).map(({ step }) => step);
  // Without its original a document is still found by what was read of it.
  const lostAt = failed.find((step) => step !== VisibilityStep.ORIGINAL && !unasked[mode].includes(step)) ?? failed[0] ?? null;
  return { steps, lostAt, repair: lostAt && document && !isDown ? repairOf(lostAt, failed.includes(VisibilityStep.ORIGINAL), document) : null, rank, score };
}

function repairOf(lostAt: VisibilityStep, lacksOriginal: boolean, document: DocumentEntity): VisibilityRepair | null {
  const repair = repairs[lostAt] ?? null;
  // It is being read as it is.
  if (repair === VisibilityRepair.REPROCESS && document.status !== 'READY' && document.status !== 'FAILED') return null;
  if (repair !== VisibilityRepair.REPROCESS || !lacksOriginal) return repair;
  // It cannot be read again, or has to be fetched.
  return document.sourceType === 'WEB' ? VisibilityRepair.REPROCESS : VisibilityRepair.UPLOAD_AGAIN;
}
