import { type DocumentStore } from '../documents/index.js';
import { type JobContext, type JobHandler } from '../platform/queue/index.js';
import { outOf } from '../platform/saying.js';

const perTransaction = 50;

/** Queues documents to be read again, a few at a time, so that other writers come between. */
export class Reprocessing implements JobHandler {
  readonly concurrency = 1;

  constructor(private readonly store: DocumentStore) {}

  async run({ job, signal, report }: JobContext): Promise<Record<string, unknown>> {
    const { documentIds } = job.payload as { documentIds: string[] };
    let queued = 0;
    for (let at = 0; at < documentIds.length; at += perTransaction) {
      signal.throwIfAborted();
      queued += (await this.store.queueAgain(documentIds.slice(at, at + perTransaction))).length;
      report({ progress: at / documentIds.length, message: outOf(queued, documentIds.length, { en: 'documents', ja: '文書' }) });
    }
    return { documents: queued };
  }
}
