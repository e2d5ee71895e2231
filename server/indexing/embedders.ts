import { setTimeout as delay } from 'node:timers/promises';
import { type Settings } from '../config/index.js';
import { type Download, downloadAgain, type Embedder, locateModel, WorkerEmbedder } from '../platform/embedder/index.js';
import { type Logger } from '../platform/logging/index.js';

const lookMs = 500;
const quietLooks = 20;

/** Embedders by model: one as a rule, two while a change of model is under way. */
export class Embedders {
  readonly #open = new Map<string, Promise<Embedder>>();
  readonly #retiring = new Set<string>();

  constructor(
    private readonly settings: Settings,
    private readonly log: Logger,
  ) {}

  /** Starts the embedder of a model unless it runs. Rejects where the model cannot be found or loaded. */
  get(model: string): Promise<Embedder> {
    // Asked for again, as when an index is gone back to, it stays.
    this.#retiring.delete(model);
    return this.#open.get(model) ?? this.#start(model);
  }

  #start(model: string): Promise<Embedder> {
    const opened = (async () => {
      const embedder = new WorkerEmbedder(await locateModel(model, this.settings, this.log), this.settings, this.log);
      await embedder.ready();
      return embedder;
    })();
    this.#open.set(model, opened);
    opened.catch(() => {
      if (this.#open.get(model) === opened) this.#open.delete(model);
    });
    return opened;
  }

  /** Starts another embedder of a model and closes the one in use once it has nothing left to do. Rejects, and keeps it, where that fails. @param download its files come from the hub again first */
  async reload(model: string, signal: AbortSignal, download: Download | null): Promise<Embedder> {
    if (download) await downloadAgain(model, this.settings, this.log, download);
    const before = this.#open.get(model);
    const fresh = this.#start(model);
    try {
      const embedder = await fresh;
      void this.#closeWhenQuiet(before, signal);
      return embedder;
    } catch (error) {
      if (before) this.#open.set(model, before);
      throw error;
    }
  }

  async #closeWhenQuiet(opened: Promise<Embedder> | undefined, signal: AbortSignal): Promise<void> {
    const embedder = await opened?.catch(() => null);
    if (!embedder) return;
    const pause = () =>
      delay(lookMs, undefined, { signal, ref: false }).then(
        () => true,
        () => false,
      );
    for (let quiet = 0; quiet < quietLooks && (await pause());) quiet = embedder.pending > 0 ? 0 : quiet + 1;
    await embedder.close();
  }

  async release(model: string): Promise<void> {
    const embedder = this.#open.get(model);
    this.#open.delete(model);
    await (await embedder?.catch(() => null))?.close();
  }

  /** Releases a model's embedder once nobody has asked it for a while: searches and documents that began with it end with it. */
  async retire(model: string, signal: AbortSignal): Promise<void> {
    const embedder = await this.#open.get(model)?.catch(() => null);
    if (!embedder) return;
    this.#retiring.add(model);
    for (let quiet = 0; quiet < quietLooks; quiet = embedder.pending > 0 ? 0 : quiet + 1) await delay(lookMs, undefined, { signal, ref: false });
    if (this.#retiring.delete(model)) await this.release(model);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((model) => this.release(model)));
  }
}
