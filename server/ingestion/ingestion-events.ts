import { type JobContext } from '../platform/queue/index.js';
import { type PubSub } from '../platform/pubsub/index.js';
import { outOf } from '../platform/saying.js';

export type IngestionStage = 'FETCHING' | 'EXTRACTING' | 'CHUNKING' | 'EMBEDDING' | 'INDEXING' | 'READY' | 'FAILED';

export interface IngestionProgress {
  documentId: string;
  jobId: string;
  batchId: string | null;
  stage: IngestionStage;
  /** Chunks done in this stage, or 0 and 1 where a stage has no parts. */
  done: number;
  total: number;
  /** Share of the whole work, 0..1. */
  progress: number;
  chunksPerSecond: number | null;
  estimatedMsLeft: number | null;
}

export interface IngestionTopics {
  ingestionProgress: IngestionProgress;
}

/** Where each stage begins and ends on the way from 0 to 1. */
const shares: Record<IngestionStage, [number, number]> = {
  FETCHING: [0, 0.05],
  EXTRACTING: [0.05, 0.15],
  CHUNKING: [0.15, 0.2],
  EMBEDDING: [0.2, 0.95],
  INDEXING: [0.95, 0.99],
  READY: [1, 1],
  FAILED: [1, 1],
};

/** Reports one document's way through the stages, to the job and to subscribers. */
export class StageReporter {
  #embeddingSince = 0;
  #embeddedAtStart = 0;

  constructor(
    private readonly context: JobContext,
    private readonly documentId: string,
    private readonly pubsub: PubSub<IngestionTopics>,
  ) {}

  at(stage: IngestionStage, done = 0, total = 1): void {
    const [from, to] = shares[stage];
    const progress = from + (to - from) * (total > 0 ? done / total : 1);
    let chunksPerSecond: number | null = null;
    let estimatedMsLeft: number | null = null;
    if (stage === 'EMBEDDING') {
      if (this.#embeddingSince === 0) {
        this.#embeddingSince = performance.now();
        this.#embeddedAtStart = done;
      }
      const seconds = (performance.now() - this.#embeddingSince) / 1000;
      const made = done - this.#embeddedAtStart;
      if (made > 0 && seconds > 0) {
        chunksPerSecond = made / seconds;
        estimatedMsLeft = ((total - done) / chunksPerSecond) * 1000;
      }
    }
    if (stage !== 'READY' && stage !== 'FAILED')
      this.context.report({ progress, stage, message: total > 1 ? outOf(done, total, { en: 'chunks', ja: 'チャンク' }) : '' });
    const { job } = this.context;
    this.pubsub.publish('ingestionProgress', {
      documentId: this.documentId,
      jobId: job.id,
      batchId: job.batchId,
      stage,
      done,
      total,
      progress,
      chunksPerSecond,
      estimatedMsLeft,
    });
  }
}
