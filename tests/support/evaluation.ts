import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { evaluationData } from './environment.js';
import { type TestServer, type UploadFile } from './server.js';

export interface Passage {
  id: string;
  title: string;
  text: string;
}
export interface Question {
  id: string;
  query: string;
  positive: string[];
}

function jsonLines<T>(path: string): T[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}

export function evaluationSet(name: string): { passages: Passage[]; questions: Question[] } {
  const folder = join(evaluationData, 'retrieval', name);
  return { passages: jsonLines<Passage>(join(folder, 'passages.jsonl')), questions: jsonLines<Question>(join(folder, 'queries.jsonl')) };
}

export function scalePassages(): Passage[] {
  return jsonLines<Passage>(join(evaluationData, 'scale', 'jaquad-train-passages.jsonl'));
}

export function asFile({ id, title, text }: Passage): UploadFile {
  return { name: `${id.replace(/[^\w.-]/g, '_')}.txt`, content: `${title}\n\n${text}\n` };
}

/** Takes passages in, each as a document, and waits until they are found and, unless told not to, their pieces have vectors too. @returns passages by document */
export async function takePassages(server: TestServer, passages: Passage[], { perRequest = 100, refined = true } = {}): Promise<Map<string, string[]>> {
  const byDocument = new Map<string, string[]>();
  for (let at = 0; at < passages.length; at += perRequest) {
    const part = passages.slice(at, at + perRequest);
    const results = await server.upload(part.map(asFile));
    results.forEach(({ document, duplicateOf, error }, index) => {
      const id = document?.id ?? duplicateOf?.id;
      if (!id) throw new Error(`passage ${part[index]!.id} was refused: ${JSON.stringify(error)}`);
      byDocument.set(id, [...(byDocument.get(id) ?? []), part[index]!.id]);
    });
  }
  await server.idle(3_600_000, refined ? null : ['INGEST']);
  return byDocument;
}

/** nDCG@k where one right passage is all a question needs: the gain of the first (as the reference figures are computed). */
export function ndcg(ranked: string[][], positive: string[], k = 10): number {
  const wanted = new Set(positive);
  const rank = ranked.slice(0, k).findIndex((ids) => ids.some((id) => wanted.has(id)));
  return rank < 0 ? 0 : 1 / Math.log2(rank + 2);
}
