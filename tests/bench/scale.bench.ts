import { expect, test } from 'vitest';
import { evaluationSet, scalePassages } from '../support/evaluation.js';
import { type TestServer, type UploadFile } from '../support/server.js';
import { compareCached, compareCold, reportFigures, reportMemory, startClient, startRivals, type System, Warm } from './comparison.js';
import { chromaOf, timed } from './floor.js';
import { exportPassages, serverWith, serverWithFiles, uncached } from './library.js';
import { residentBytes } from './product.js';
import { type Rival } from './rival.js';

const windows = 100_000;
const windowsPerFile = 50;
const shortest = 200;
const longest = 400;
/** The windows lie in few documents. */
const fewestHits = 1;
const wholeMemoryBytes = 1.8e9;
/** A window is as long as a piece or two: vectors of their own for these would double the time the library takes to make. */
const wholeWindows = { ...uncached, CHUNK_PIECE_TOKENS: '0' };
const caching = { CACHE_SEARCH_TTL: '3600', CACHE_EMBEDDING_TTL: '86400' };

/** Overlapping windows of 200 to 400 characters over the scale passages, as sections of Markdown files, fifty each. */
function windowFiles(): UploadFile[] {
  const texts: { title: string; text: string }[] = [];
  // One pass over all passages gives fewer: later passes begin elsewhere.
  for (let pass = 0; texts.length < windows; pass++) {
    for (const { title, text } of scalePassages()) {
      const size = shortest + ((text.length * 31 + pass * 53) % (longest - shortest));
      for (let at = pass * 17; at + shortest <= text.length && texts.length < windows; at += Math.floor(size / 3)) {
        texts.push({ title, text: text.slice(at, at + size) });
      }
    }
  }
  return Array.from({ length: windows / windowsPerFile }, (_, file) => ({
    name: `windows-${file}.md`,
    content: texts
      .slice(file * windowsPerFile, (file + 1) * windowsPerFile)
      .map(({ title, text }, i) => `# ${title} ${file * windowsPerFile + i}\n\n${text.replace(/\n/g, ' ')}\n`)
      .join('\n'),
  }));
}

test('search in 100,000 passages', async () => {
  const { passages, questions } = evaluationSet('jaquad');
  const queries = questions.map(({ query }) => query);
  const size = windows.toLocaleString('en');
  const small = await serverWith('search', [...passages, ...scalePassages()], uncached);
  let large: TestServer | null = null;
  let running: Rival[] = [];
  const stopRivals = async () => {
    await Promise.all(running.map((rival) => rival.stop()));
    running = [];
  };
  try {
    large = await serverWithFiles('scale', windowFiles(), wholeWindows);
    await large.quit();
    const readyMs = await timed(() => large!.boot());
    const passagesFile = await exportPassages(large.dataDir);
    let product = await startClient(large, fewestHits);
    running = [product.client];
    await product.system.run(queries.slice(0, 60), 1);
    // Before other systems put their own copies into the same ChromaDB.
    const memory = residentBytes(large.pid);

    const inSmall = await startClient(small);
    const smallSystem: System = { ...inSmall.system, name: 'small', label: 'ERPFTS, 10,301 passages' };
    let { rivals, systems } = await startRivals(chromaOf(large), passagesFile);
    running = [product.client, inSmall.client, ...rivals];
    const warm = await new Warm([product.system, ...systems, smallSystem]).measure('scale', size, queries);
    await reportMemory('scale', size, [product.system, ...systems], large, queries);
    await stopRivals();
    await small.quit();

    await compareCold('scale', size, large, passagesFile, queries, fewestHits);
    await large.quit();
    large = await large.restarted(caching);
    product = await startClient(large, fewestHits);
    ({ rivals, systems } = await startRivals(chromaOf(large), passagesFile));
    running = [product.client, ...rivals];
    await compareCached('scale', size, [product.system, ...systems], queries);

    const withoutPause = warm.slowness('one client, without a pause', 'product', 'floor');
    const inTurns = warm.slowness('one client, systems in turns', 'product', 'floor');
    const growth = warm.p95('one client, systems in turns', 'product') / warm.p95('one client, systems in turns', 'small');
    const megabytes = (bytes: number) => Math.round(bytes / 1e6);
    const whole = memory.server + memory.chroma + memory.readers;
    reportFigures('scale', `${size} passages: ratios to the floor (median of rounds), start, memory`, [
      { figure: 'p50 with one client without a pause / floor', value: Number(withoutPause.toFixed(3)), wanted: '≤ 1.0' },
      { figure: 'p50 with one client in turns / floor', value: Number(inTurns.toFixed(3)), wanted: '≤ 1.0' },
      { figure: 'queries a second with 8 clients / floor', value: Number(warm.throughput('8 clients', 'product', 'floor').toFixed(3)) },
      { figure: 'queries a second with 32 clients / floor', value: Number(warm.throughput('32 clients', 'product', 'floor').toFixed(3)) },
      { figure: 'p95 / p95 at 10,301', value: Number(growth.toFixed(3)), wanted: '≤ 1.5' },
      { figure: 'ready after, ms', value: Math.round(readyMs), wanted: '≤ 6000' },
      { figure: 'resident memory of the server, MB', value: megabytes(memory.server) },
      { figure: 'resident memory of ChromaDB, MB', value: megabytes(memory.chroma) },
      { figure: 'resident memory of readers, MB', value: megabytes(memory.readers) },
      { figure: 'resident memory of all, MB', value: megabytes(whole), wanted: '≤ 1800' },
    ]);
    expect.soft(withoutPause).toBeLessThanOrEqual(1);
    expect.soft(growth).toBeLessThanOrEqual(1.5);
    expect.soft(readyMs).toBeLessThanOrEqual(6000);
    expect.soft(whole).toBeLessThanOrEqual(wholeMemoryBytes);
  } finally {
    await stopRivals();
    await large?.quit();
    await small.quit();
  }
});
