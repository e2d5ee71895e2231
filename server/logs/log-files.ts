import { createReadStream, type ReadStream } from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const blockBytes = 256 * 1024;
const ours = /^erpfts\.log(\.\d+)?$/;
const age = (name: string) => Number(/\.(\d+)$/.exec(name)?.[1] ?? 0);

/** The log files of a directory: `erpfts.log`, which is written, and older ones with growing numbers. */
export class LogFiles {
  constructor(readonly directory: string) {}

  /** Lines, newest first. A rotation meanwhile may show some twice; none is passed over. */
  async *lines(): AsyncGenerator<string, void, void> {
    for (const name of await this.#names()) yield* linesBackwards(join(this.directory, name));
  }

  /** All that is kept, oldest first. */
  async *contents(): AsyncGenerator<Buffer, void, void> {
    for (const name of (await this.#names()).reverse()) {
      const stream: ReadStream = createReadStream(join(this.directory, name));
      for await (const part of stream) yield part as Buffer;
    }
  }

  /** Removes rotated files that nothing was written to for that long. */
  async removeOld(ageMs: number, now = Date.now()): Promise<{ files: number; bytes: number }> {
    const removed = { files: 0, bytes: 0 };
    for (const name of (await this.#names()).filter((one) => age(one) > 0)) {
      const path = join(this.directory, name);
      const { mtimeMs, size } = await stat(path);
      if (now - mtimeMs < ageMs) continue;
      await rm(path, { force: true });
      removed.files += 1;
      removed.bytes += size;
    }
    return removed;
  }

  async #names(): Promise<string[]> {
    const names = await readdir(this.directory).catch(() => []);
    return names.filter((name) => ours.test(name)).sort((a, b) => age(a) - age(b));
  }
}

async function* linesBackwards(path: string): AsyncGenerator<string, void, void> {
  const file = await open(path, 'r').catch(() => null);
  if (!file) return;
  try {
    let end = (await file.stat()).size;
    let rest: Buffer = Buffer.alloc(0);
    while (end > 0) {
      const start = Math.max(0, end - blockBytes);
      const block = Buffer.alloc(end - start);
      await file.read(block, 0, block.length, start);
      const known: Buffer = Buffer.concat([block, rest]);
      // The first line of what is known may begin in the block before.
      const begin = start === 0 ? 0 : known.indexOf(10) + 1;
      if (start > 0 && begin === 0) rest = known;
      else {
        yield* known
          .subarray(begin)
          .toString()
          .split('\n')
          .filter((line) => line !== '')
          .reverse();
        rest = known.subarray(0, begin);
      }
      end = start;
    }
  } finally {
    await file.close();
  }
}
