import { afterAll, expect, test } from 'vitest';
import { evaluationSet, ndcg, takePassages } from '../support/evaluation.js';
import { TestServer } from '../support/server.js';
import { report } from './report.js';

/** What HYBRID must reach, nDCG@10 through GraphQL over HTTP. */
const wanted: Record<string, number> = { jaquad: 0.935, 'xquad-en': 0.985, 'vue-ja-to-en': 0.84, 'vue-en-to-ja': 0.83 };
const modes = ['HYBRID', 'SEMANTIC', 'KEYWORD'];
const rows: Record<string, string | number>[] = [];

test.each(Object.keys(wanted))('%s', async (set) => {
  const { passages, questions } = evaluationSet(set);
  const server = await TestServer.start();
  try {
    const byDocument = await takePassages(server, passages);
    const row: Record<string, string | number> = { set };
    for (const mode of modes) {
      let sum = 0;
      for (const { query, positive } of questions) {
        const { search } = await server.ask<{ search: { hits: { document: { id: string } }[] } }>(
          'query($query: String!, $mode: SearchMode) { search(query: $query, mode: $mode, first: 10) { hits { document { id } } } }',
          { query, mode },
        );
        sum += ndcg(search.hits.map(({ document }) => byDocument.get(document.id) ?? []), positive);
      }
      row[mode] = Number((sum / questions.length).toFixed(4));
    }
    rows.push({ ...row, wanted: wanted[set]! });
    expect(row['HYBRID']).toBeGreaterThanOrEqual(wanted[set]!);
  } finally {
    await server.stop();
  }
});

afterAll(() => report('quality', 'nDCG@10', rows));
