import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

/** One JSON value a line. */
export function toLines(values: AsyncIterable<object>): Readable {
  return Readable.from(
    (async function* () {
      for await (const value of values) yield Buffer.from(`${JSON.stringify(value)}\n`);
    })(),
  );
}

/** The values of such a stream; it fails where the stream does. */
export async function* fromLines<T>(stream: Readable): AsyncGenerator<T> {
  let failure: Error | null = null;
  const lines = createInterface({ input: stream, crlfDelay: Infinity });
  // readline ends quietly when its input fails.
  stream.once('error', (error) => {
    failure = error;
    lines.close();
  });
  try {
    for await (const line of lines) if (line !== '') yield JSON.parse(line) as T;
  } finally {
    stream.destroy();
  }
  if (failure) throw failure as Error;
}
