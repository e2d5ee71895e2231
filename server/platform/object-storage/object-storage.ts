import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { type Readable } from 'node:stream';
import { type Settings } from '../../config/index.js';
import { AppError, messageOf } from '../errors.js';

type StorageSettings = Pick<Settings, 'BACKUP_S3_URL' | 'BACKUP_S3_REGION' | 'BACKUP_S3_ACCESS_KEY' | 'BACKUP_S3_SECRET_KEY'>;

const connectionMs = 10_000;
const silentMs = 120_000;
/** Each part is held in memory until it is sent; ten thousand of them are 160 GB. */
const partBytes = 16 * 1024 ** 2;

/** A bucket, or a folder of one, in storage that speaks S3. https://docs.aws.amazon.com/AmazonS3/latest/API/ */
export class ObjectStorage {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #host: string;

  /** @param settings BACKUP_S3_URL names endpoint, bucket and folder, e.g. https://s3.example.org/bucket/folder */
  constructor(settings: StorageSettings) {
    // Which Node.js we run on is our own affair, and not said on every start.
    process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
    const { origin, pathname, host } = new URL(settings.BACKUP_S3_URL);
    const [bucket = '', ...folders] = pathname.split('/').filter(Boolean);
    this.#host = host;
    this.#bucket = bucket;
    this.#prefix = folders.map((folder) => `${folder}/`).join('');
    this.#client = new S3Client({
      endpoint: origin,
      region: settings.BACKUP_S3_REGION,
      credentials: { accessKeyId: settings.BACKUP_S3_ACCESS_KEY, secretAccessKey: settings.BACKUP_S3_SECRET_KEY },
      forcePathStyle: true,
      // A connection that has gone silent must not hold whatever waits for it.
      requestHandler: { connectionTimeout: connectionMs, requestTimeout: silentMs, throwOnRequestTimeout: true },
      // Storage of others does not know AWS's newer checksums.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  async #tried<T>(work: Promise<T>, what: string): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw new AppError(
        'UNAVAILABLE',
        { en: `${what} at ${this.#host} failed: ${messageOf(error)}`, ja: `${this.#host} での処理に失敗しました: ${messageOf(error)}。` },
        { en: 'Look at BACKUP_S3_URL, its keys and the connection.', ja: 'BACKUP_S3_URL とその鍵、接続を確認してください。' },
      );
    }
  }

  /** Sends a stream in parts; one that breaks off leaves nothing behind. */
  async put(name: string, content: Readable, signal: AbortSignal): Promise<void> {
    const upload = new Upload({
      client: this.#client,
      params: { Bucket: this.#bucket, Key: this.#prefix + name, Body: content },
      queueSize: 2,
      partSize: partBytes,
    });
    const abort = () => void upload.abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      await this.#tried(upload.done(), `Writing ${name}`);
    } finally {
      signal.removeEventListener('abort', abort);
      content.destroy();
    }
  }

  async get(name: string): Promise<Readable> {
    const { Body } = await this.#tried(this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + name })), `Reading ${name}`);
    return Body as Readable;
  }

  /** Names below the folder. */
  async list(): Promise<string[]> {
    const found: string[] = [];
    for (let token: string | undefined; ;) {
      const page = await this.#tried(
        this.#client.send(new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: this.#prefix, ...(token ? { ContinuationToken: token } : {}) })),
        'Listing',
      );
      for (const { Key } of page.Contents ?? []) if (Key) found.push(Key.slice(this.#prefix.length));
      token = page.NextContinuationToken;
      if (!token) return found;
    }
  }

  async remove(name: string): Promise<void> {
    await this.#tried(this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + name })), `Deleting ${name}`);
  }

  close(): void {
    this.#client.destroy();
  }
}
