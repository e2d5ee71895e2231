import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import JSZip from 'jszip';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { cleanEnvironment, evaluationData, hasEvaluationData, notice } from '../support/environment.js';
import { TestServer } from '../support/server.js';

if (!hasEvaluationData) notice('The evaluation data is not there: the corpus suite is skipped. Set EVAL_DATA_DIR.');
const run = promisify(execFile);

interface IngestedFile {
  path: string;
  outcome: string;
  documentId: string;
  code: string | null;
}

/** Words, and Japanese by characters, with how often each occurs. */
function tokens(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [token] of text
    .normalize('NFKC')
    .toLowerCase()
    .matchAll(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[^\P{L}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]+|\p{N}+/gu))
    counts.set(token, (counts.get(token) ?? 0) + 1);
  return counts;
}
const size = (counts: Map<string, number>) => [...counts.values()].reduce((sum, count) => sum + count, 0);
const shared = (a: Map<string, number>, b: Map<string, number>) => [...a].reduce((sum, [token, count]) => sum + Math.min(count, b.get(token) ?? 0), 0);
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const visible = (html: string) =>
  html
    .replace(/<(script|style)[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]+>/g, ' ')
    .replace(/&nbsp;/g, ' ')
    .replace(/&amp;/g, '&')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#0?39;/g, "'");

/** What a file holds to be read, by another way than the product's: the text runs of a DOCX, Markdown without front matter and tags. */
async function plainText(path: string): Promise<string> {
  const bytes = readFileSync(path);
  if (!path.endsWith('.docx')) return visible(bytes.toString().replace(/^---\n[\s\S]*?\n---\n/, '')).trim();
  const xml = (await (await JSZip.loadAsync(bytes)).file('word/document.xml')?.async('string')) ?? '';
  return [...xml.matchAll(/<w:t(?: [^>]*)?>([^<]*)<\/w:t>/g)]
    .map(([, run]) => run)
    .join('')
    .trim();
}

describe.skipIf(!hasEvaluationData)('documents as people have them', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await TestServer.start();
  });
  afterAll(() => server.stop());

  async function ingest(folder: string, ending: string): Promise<IngestedFile[]> {
    const env = { ...cleanEnvironment(), DATA_DIR: server.dataDir };
    const args = [join(packageRoot, 'dist/server/cli.js'), '--json', 'ingest', join(evaluationData, 'files', folder), '--ending', ending];
    // Some of these files must fail, so the command does.
    const { stdout } = await run(process.execPath, args, { env, cwd: server.dataDir, maxBuffer: 64 * 1024 ** 2 }).catch(
      (error: unknown) => error as { stdout: string },
    );
    return JSON.parse(stdout) as IngestedFile[];
  }

  const textOf = async (id: string) =>
    (await server.ask<{ document: { text: string } }>('query($id: ID!) { document(id: $id) { text } }', { id })).document.text;

  /** Files of the same bytes are one document, under whichever name the first came. */
  function expectOneDocumentPerContent(results: IngestedFile[]): void {
    const first = new Map<string, IngestedFile>();
    for (const result of results) {
      const sha256 = createHash('sha256').update(readFileSync(result.path)).digest('hex');
      const original = first.get(sha256);
      if (!original) {
        first.set(sha256, result);
        expect(result.outcome, result.path).not.toBe('DUPLICATE');
      } else {
        expect(result).toMatchObject({ documentId: original.documentId });
        // One that had failed by the time its like arrived was tried once more.
        expect(['DUPLICATE', ...(original.outcome === 'FAILED' ? ['FAILED'] : [])], result.path).toContain(result.outcome);
      }
    }
  }

  test('PDFs end as their class says, with their words', { timeout: 400_000 }, async () => {
    const classes = new Map(
      readFileSync(join(evaluationData, 'pdf-classes.tsv'), 'utf8')
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split('\t'))
        .map(([file, kind]) => [basename(file!), kind!]),
    );
    const outcomes: Record<string, string[]> = { text: ['READY'], no_text: ['NO_TEXT'], encrypted: ['ENCRYPTED'], unreadable: ['CORRUPT', 'READY'] };
    const results = await ingest('pdf', '.pdf');
    expect(results.length).toBe(classes.size);
    const wrong = results.filter(
      ({ path, outcome, code }) => !outcomes[classes.get(basename(path))!]?.includes(code ?? (outcome === 'DUPLICATE' ? 'READY' : outcome)),
    );
    expect(wrong).toEqual([]);
    expectOneDocumentPerContent(results);
    const recalls: number[] = [];
    for (const { path, outcome, documentId } of results) {
      const reference = path.replace(/\.pdf$/, '.txt');
      if (outcome !== 'READY' || !existsSync(reference)) continue;
      const wanted = tokens(readFileSync(reference, 'utf8'));
      if (size(wanted) >= 20) recalls.push(shared(wanted, tokens(await textOf(documentId))) / size(wanted));
    }
    expect(recalls.length).toBeGreaterThan(10);
    expect(mean(recalls)).toBeGreaterThanOrEqual(0.98);
    expect(recalls.sort((a, b) => a - b)[Math.floor(recalls.length / 2)]).toBe(1);
  });

  test('web articles give their main text', { timeout: 400_000 }, async () => {
    const scores: number[] = [];
    for (const { path, documentId } of await ingest('html', '.source.html')) {
      const expected = path.replace('.source.html', '.expected.html');
      if (!existsSync(expected)) continue;
      const wanted = tokens(visible(readFileSync(expected, 'utf8')));
      const got = tokens(await textOf(documentId));
      scores.push((2 * shared(wanted, got)) / (size(wanted) + size(got)));
    }
    expect(scores.length).toBeGreaterThan(10);
    expect(mean(scores)).toBeGreaterThanOrEqual(0.93);
  });

  // Some 1,500 passages: minutes, where other suites share the cores.
  test('DOCX and Markdown are read; those without text say so', { timeout: 900_000 }, async () => {
    for (const [folder, ending] of [
      ['docx', '.docx'],
      ['markdown', '.md'],
    ] as const) {
      const results = await ingest(folder, ending);
      expect(results.filter(({ code }) => code !== null && code !== 'NO_TEXT')).toEqual([]);
      expectOneDocumentPerContent(results);
      for (const { path, outcome, code, documentId } of results) {
        if (outcome === 'DUPLICATE') continue; // Judged as its original.
        if (code === 'NO_TEXT') {
          expect(`${path}: ${await plainText(path)}`).toBe(`${path}: `);
          continue;
        }
        const text = await textOf(documentId);
        expect(text.trim(), `${path} (${outcome})`).not.toBe('');
      }
    }
  });
});
