import { createWriteStream, existsSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { packageRoot, type Settings } from '../../config/index.js';
import { AppError, badInput, messageOf } from '../errors.js';
import { type Logger } from '../logging/index.js';

/** The model that ships with the product. */
export const embeddedModel = 'multilingual-e5-small-ja-latin';
const embeddedModels = join(packageRoot, 'server/platform/embedder/models');
const modelFiles = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model_quantized.onnx'];

export interface ModelFiles {
  /** Name that chunks record. */
  name: string;
  /** Folder in the layout of transformers.js. */
  folder: string;
}

/** `intfloat/multilingual-e5-*` has no ONNX files of its own: Xenova's conversion of the same weights is meant. */
export function canonicalModelName(name: string): string {
  return name.replace(/^intfloat\/(multilingual-e5-)/, 'Xenova/$1');
}

type ModelSettings = Pick<Settings, 'DATA_DIR' | 'EMBEDDING_HUB_URL'>;

/** How a download is followed. */
export interface Download {
  signal?: AbortSignal;
  /** @param share 0..1 */
  onProgress?: (share: number) => void;
}

/** Where a model of the hub lies. */
const folderOf = (name: string, { DATA_DIR }: ModelSettings) => join(resolve(DATA_DIR), 'models', name);

/**
 * Finds a model by embedded name, local folder or hub name; a hub model is downloaded once into DATA_DIR/models.
 * @throws AppError naming the model and the remedy
 */
export async function locateModel(configured: string, settings: ModelSettings, log: Logger): Promise<ModelFiles> {
  const name = canonicalModelName(configured);
  if (existsSync(join(embeddedModels, name, 'config.json'))) return { name, folder: join(embeddedModels, name) };
  if (existsSync(name) && statSync(name).isDirectory()) {
    const missing = modelFiles.filter((file) => !existsSync(join(name, file)));
    if (missing.length === 0) return { name, folder: resolve(name) };
    throw new AppError(
      'UNAVAILABLE',
      {
        en: `The model folder ${basename(name)} lacks ${missing.join(', ')}.`,
        ja: `モデルのフォルダー ${basename(name)} に ${missing.join(', ')} がありません。`,
      },
      { en: 'Use a folder in the layout of transformers.js.', ja: 'transformers.js の構成のフォルダーを使ってください。' },
    );
  }
  if (!/^[\w.-]+\/[\w.-]+$/.test(name)) {
    throw new AppError(
      'UNAVAILABLE',
      {
        en: `EMBEDDING_MODEL="${configured}" is neither an embedded model, nor a folder, nor a hub name.`,
        ja: `EMBEDDING_MODEL="${configured}" は、同梱モデルでもフォルダーでもハブの名前でもありません。`,
      },
      {
        en: `Use ${embeddedModel}, a path, or a name such as Xenova/multilingual-e5-large.`,
        ja: `${embeddedModel}、パス、または Xenova/multilingual-e5-large のような名前を使ってください。`,
      },
    );
  }
  const folder = folderOf(name, settings);
  if (!modelFiles.every((file) => existsSync(join(folder, file)))) await download(name, folder, settings, log);
  return { name, folder };
}

/**
 * Downloads a model of the hub again, in the place of the files that are there.
 * @throws AppError BAD_USER_INPUT for a model that comes from elsewhere
 */
export async function downloadAgain(configured: string, settings: ModelSettings, log: Logger, followed: Download): Promise<void> {
  const name = canonicalModelName(configured);
  if (existsSync(join(embeddedModels, name)) || existsSync(name))
    throw badInput(
      { en: `The model ${name} does not come from a hub.`, ja: `モデル ${basename(name)} はハブから取得したものではありません。` },
      {
        en: 'One that ships with the product comes again with its installation; a folder is yours to replace.',
        ja: '同梱モデルは製品の再インストールで、フォルダーのモデルは手元のファイルで置き換えてください。',
      },
    );
  await download(name, folderOf(name, settings), settings, log, followed);
}

/** Into a folder beside the final one, renamed when complete: a download that was cut off is never taken for a model. */
async function download(name: string, folder: string, settings: ModelSettings, log: Logger, { signal, onProgress }: Download = {}): Promise<void> {
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  log.info({ model: name, from: settings.EMBEDDING_HUB_URL }, 'downloading the embedding model');
  try {
    for (const [i, file] of modelFiles.entries()) {
      const response = await fetch(new URL(`${name}/resolve/main/${file}`, settings.EMBEDDING_HUB_URL), { signal });
      if (!response.ok || !response.body) throw new Error(`${file}: the hub answered ${response.status}`);
      await mkdir(dirname(join(partial, file)), { recursive: true });
      const total = Number(response.headers.get('content-length')) || Infinity;
      const counted = async function* (parts: AsyncIterable<Uint8Array>) {
        let received = 0;
        for await (const part of parts) {
          received += part.byteLength;
          onProgress?.((i + Math.min(1, received / total)) / modelFiles.length);
          yield part;
        }
      };
      await pipeline(Readable.from(response.body as unknown as AsyncIterable<Uint8Array>), counted, createWriteStream(join(partial, file)), { signal });
    }
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    signal?.throwIfAborted();
    throw new AppError(
      'UNAVAILABLE',
      {
        en: `The embedding model ${name} could not be downloaded: ${messageOf(error).replace(/\.$/, '')}.`,
        ja: `埋め込みモデル ${name} をダウンロードできませんでした: ${messageOf(error).replace(/\.$/, '')}。`,
      },
      {
        en: 'Check EMBEDDING_HUB_URL and the network, or copy the model into DATA_DIR/models.',
        ja: 'EMBEDDING_HUB_URL とネットワークを確認するか、モデルを DATA_DIR/models に置いてください。',
      },
    );
  }
  log.info({ model: name }, 'the embedding model is complete');
}
