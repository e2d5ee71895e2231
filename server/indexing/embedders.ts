import { type Settings } from '../config/index.js';
import { type Embedder, locateModel, WorkerEmbedder } from '../platform/embedder/index.js';
import { type Logger } from '../platform/logging/index.js';

/** Embedders by model: one as a rule, two while a change of model is under way. */
export class Embedders {
  readonly #open = new Map<string, Promise<Embedder>>();

  constructor(
    private readonly settings: Settings,
    private readonly log: Logger,
  ) {}

  /** Starts the embedder of a model unless it runs. Rejects where the model cannot be found or loaded. */
  get(model: string): Promise<Embedder> {
    const known = this.#open.get(model);
    if (known) return known;
    const opened = (async () => {
      const embedder = new WorkerEmbedder(await locateModel(model, this.settings, this.log), this.settings, this.log);
      await embedder.ready();
      return embedder;
    })();
    this.#open.set(model, opened);
    opened.catch(() => this.#open.delete(model));
    return opened;
  }

  async release(model: string): Promise<void> {
    const embedder = this.#open.get(model);
    this.#open.delete(model);
    await (await embedder?.catch(() => null))?.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((model) => this.release(model)));
  }
}
