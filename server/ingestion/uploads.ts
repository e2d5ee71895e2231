import { type Readable } from 'node:stream';
import PQueue from 'p-queue';
import { type Settings } from '../config/index.js';
import { cleanFileName, type DocumentFailure, type DocumentStore, type DocumentWithTags } from '../documents/index.js';
import { type BlobStore, type ReceivedFile } from '../platform/blobs/index.js';
import { AppError, messageOf } from '../platform/errors.js';
import { type JobEntity } from '../platform/queue/index.js';
import { detectFormat, mimeTypes } from './format.js';

/** What graphql-upload hands over for each file. */
export interface IncomingFile {
  /** Missing where the client gave the part an empty one. */
  filename: string | undefined;
  createReadStream(): Readable;
}

export interface UploadOutcome {
  fileName: string;
  job: JobEntity | null;
  document: DocumentWithTags | null;
  duplicateOf: DocumentWithTags | null;
  error: DocumentFailure | null;
}

/** Files of one request: small ones share a transaction, and few are open together. */
const receivedAtOnce = 8;

/** Receives files: each is kept as a document, or refused with a reason and nothing left behind. */
export class Uploads {
  constructor(
    private readonly settings: Settings,
    private readonly blobs: BlobStore,
    private readonly store: DocumentStore,
  ) {}

  async receive(files: Promise<IncomingFile>[], tags: string[], batchId: string | null): Promise<UploadOutcome[]> {
    const receiving = new PQueue({ concurrency: receivedAtOnce });
    if ((await this.blobs.freeBytes()) < this.settings.DISK_MIN_FREE_BYTES) {
      await Promise.allSettled(files.map(async (file) => (await file).createReadStream().resume()));
      throw new AppError(
        'UNAVAILABLE',
        { en: 'The disk is nearly full: uploads are refused.', ja: 'ディスクの空きが少ないため、アップロードを受け付けません。' },
        { en: 'Free some space, or lower DISK_MIN_FREE_BYTES.', ja: '空きを増やすか、DISK_MIN_FREE_BYTES を小さくしてください。' },
      );
    }
    return Promise.all(files.map((file) => receiving.add(() => this.#receiveOne(file, tags, batchId))));
  }

  async #receiveOne(incoming: Promise<IncomingFile>, tags: string[], batchId: string | null): Promise<UploadOutcome> {
    let fileName = '';
    let received: ReceivedFile | null = null;
    try {
      const file = await incoming;
      fileName = cleanFileName(file.filename ?? '');
      received = await this.blobs.receive(file.createReadStream());
      if (received.sizeBytes === 0) throw refusal('EMPTY_FILE', `${fileName} is empty.`, 'Check the file and upload it again.');
      const format = await detectFormat(received.path, fileName);
      if (!format)
        throw refusal(
          'UNSUPPORTED_FORMAT',
          `${fileName} is not a format that can be read.`,
          'Upload PDF, DOCX, HTML, Markdown or text; save older Word files as DOCX.',
        );
      const accepted = await this.store.acceptFile(received, { fileName, mimeType: mimeTypes[format], tags, batchId });
      return {
        fileName,
        job: accepted.job,
        document: accepted.duplicate ? null : accepted.document,
        duplicateOf: accepted.duplicate ? accepted.document : null,
        error: null,
      };
    } catch (error) {
      const failure = this.#failureOf(error, fileName);
      if (!failure) throw error;
      return { fileName, job: null, document: null, duplicateOf: null, error: failure };
    } finally {
      // Already moved to its place where it was accepted.
      if (received) await this.blobs.discard(received);
    }
  }

  #failureOf(error: unknown, fileName: string): DocumentFailure | null {
    if (error instanceof Refusal) return { code: error.code, message: error.message, remedy: error.remedy, stage: 'RECEIVING' };
    if ((error as { status?: number }).status === 413) {
      const megabytes = Math.round(this.settings.UPLOAD_MAX_BYTES / 1024 ** 2);
      return {
        code: 'PAYLOAD_TOO_LARGE',
        message: `${fileName} is larger than ${megabytes} MB.`,
        remedy: 'Split the file, or raise UPLOAD_MAX_BYTES.',
        stage: 'RECEIVING',
      };
    }
    if ((error as { status?: number }).status === 499)
      return {
        code: 'CANCELLED',
        message: `The upload of ${fileName || 'the file'} was interrupted: ${messageOf(error)}`,
        remedy: 'Upload it again.',
        stage: 'RECEIVING',
      };
    return null;
  }
}

class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}
const refusal = (code: string, message: string, remedy: string) => new Refusal(code, message, remedy);
