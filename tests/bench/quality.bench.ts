import { afterAll, expect, test } from 'vitest';
import { evaluationSet, ndcg, scalePassages, takePassages } from '../support/evaluation.js';
import { TestServer } from '../support/server.js';
import { passagesByDocument, serverWith, uncached } from './library.js';
import { report } from './report.js';

interface Case {
  name: string;
  set: string;
  /** Further passages that make the questions harder. */
  distractors: boolean;
  /** What HYBRID must reach, nDCG@10 through GraphQL over HTTP. */
  wanted: number;
}

const cases: Case[] = [
  { name: 'jaquad', set: 'jaquad', distractors: false, wanted: 0.945 },
  { name: 'xquad-en', set: 'xquad-en', distractors: false, wanted: 0.988 },
  { name: 'vue-ja-to-en', set: 'vue-ja-to-en', distractors: false, wanted: 0.865 },
  { name: 'vue-en-to-ja', set: 'vue-en-to-ja', distractors: false, wanted: 0.855 },
  { name: 'jaquad among 9,713 others', set: 'jaquad', distractors: true, wanted: 0.895 },
];
const modes = ['HYBRID', 'SEMANTIC', 'KEYWORD'];
const rows: Record<string, string | number>[] = [];
const only = process.env['BENCH_ONLY'];

test.each(cases.filter(({ name }) => !only || name === only))('$name', async ({ name, set, distractors, wanted }) => {
  const { passages, questions } = evaluationSet(set);
  const server = distractors ? await serverWith('search', [...passages, ...scalePassages()], uncached) : await TestServer.start();
  try {
    const byDocument = distractors ? await passagesByDocument(server.dataDir, passages) : await takePassages(server, passages);
    const row: Record<string, string | number> = { set: name };
    for (const mode of modes) {
      let sum = 0;
      for (const { query, positive } of questions) {
        const { search } = await server.ask<{ search: { hits: { document: { id: string } }[] } }>(
          'query($query: String!, $mode: SearchMode) { search(query: $query, mode: $mode, first: 10) { hits { document { id } } } }',
          { query, mode },
        );
        sum += ndcg(
          search.hits.map(({ document }) => byDocument.get(document.id) ?? []),
          positive,
        );
      }
      row[mode] = Number((sum / questions.length).toFixed(4));
    }
    rows.push({ ...row, wanted });
    expect(row['HYBRID']).toBeGreaterThanOrEqual(wanted);
  } finally {
    await (distractors ? server.quit() : server.stop());
  }
});

afterAll(() => report('quality', 'nDCG@10', rows));
