import { expect, test } from 'vitest';
import { evaluationSet, scalePassages } from '../support/evaluation.js';
import { type TestServer, type UploadFile } from '../support/server.js';
import { chromaOf, percentile, timed } from './floor.js';
import { exportPassages, serverWith, serverWithFiles, uncached } from './library.js';
import { Product, residentBytes } from './product.js';
import { report } from './report.js';
import { Rival } from './rival.js';

const windows = 100_000;
const windowsPerFile = 50;
const shortest = 200;
const longest = 400;
const rounds = 5;
const perRound = 60;
const wholeMemoryBytes = 1.8e9;
/** A window is as long as a piece or two: vectors of their own for these would double the time the library takes to make. */
const wholeWindows = { ...uncached, CHUNK_PIECE_TOKENS: '0' };

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

const median = (values: number[]) => percentile(values, 0.5);

test('search in 100,000 passages', async () => {
  const { passages, questions } = evaluationSet('jaquad');
  const small = await serverWith('search', [...passages, ...scalePassages()], uncached);
  let large: TestServer | null = null;
  let floor: Rival | null = null;
  try {
    large = await serverWithFiles('scale', windowFiles(), wholeWindows);
    await large.quit();
    const readyMs = await timed(() => large!.boot());
    Rival.install();
    floor = await Rival.start('floor', chromaOf(large), await exportPassages(large.dataDir));
    const systems = { small: new Product(small, 1), large: new Product(large, 1, 1) };
    const queries = questions.map(({ query }) => query);
    const times = { small: [] as number[], large: [] as number[], floor: [] as number[] };
    const ratios: number[] = [];
    for (let round = -1; round < rounds; round++) {
      const part = queries.slice((round + 1) * perRound, (round + 2) * perRound);
      const of = { small: [] as number[], large: [] as number[], floor: [] as number[] };
      for (const query of part) {
        of.large.push(...(await systems.large.run([query], 1)).times);
        of.floor.push(...(await floor.run([query], 1)).times);
        of.small.push(...(await systems.small.run([query], 1)).times);
      }
      if (round < 0) continue; // Warming up.
      ratios.push(median(of.large) / median(of.floor));
      for (const name of ['small', 'large', 'floor'] as const) times[name].push(...of[name]);
    }
    const memory = residentBytes(large.pid);
    const p95 = { small: percentile(times.small, 0.95), large: percentile(times.large, 0.95) };
    report('scale', '100,000 passages, one client, no cache', [
      ...(['large', 'floor', 'small'] as const).map((name) => ({
        system: { large: 'ERPFTS, 100,000', floor: 'floor, 100,000', small: 'ERPFTS, 10,301' }[name],
        'p50 ms': median(times[name]).toFixed(2),
        'p95 ms': percentile(times[name], 0.95).toFixed(2),
      })),
    ]);
    report('scale', '100,000 passages: ratios, start, memory', [
      { figure: 'p50 / floor (median of rounds)', value: median(ratios).toFixed(3), wanted: '≤ 1.0' },
      { figure: 'p95 / p95 at 10,301', value: (p95.large / p95.small).toFixed(3), wanted: '≤ 1.5' },
      { figure: 'ready after, ms', value: Math.round(readyMs), wanted: '≤ 6000' },
      { figure: 'resident memory of the server, MB', value: Math.round(memory.server / 1e6), wanted: '' },
      { figure: 'resident memory of ChromaDB and readers, MB', value: Math.round(memory.children / 1e6), wanted: '' },
      { figure: 'resident memory of all, MB', value: Math.round((memory.server + memory.children) / 1e6), wanted: '≤ 1800' },
    ]);
    expect.soft(median(ratios)).toBeLessThanOrEqual(1);
    expect.soft(p95.large / p95.small).toBeLessThanOrEqual(1.5);
    expect.soft(readyMs).toBeLessThanOrEqual(6000);
    expect.soft(memory.server + memory.children).toBeLessThanOrEqual(wholeMemoryBytes);
    await Promise.all([systems.small.stop(), systems.large.stop()]);
  } finally {
    await floor?.stop();
    await large?.quit();
    await small.quit();
  }
});
