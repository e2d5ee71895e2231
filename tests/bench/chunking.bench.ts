import { afterAll, test } from 'vitest';
import { evaluationSet, type Passage } from '../support/evaluation.js';
import { TestServer, type UploadFile } from '../support/server.js';
import { uncached } from './library.js';
import { report } from './report.js';

/** As many passages as make a document of several pages. */
const passagesPerDocument = 12;
const everyNthQuestion = 2;
/** So much of a passage's middle is looked for in what was found. */
const middleLength = 40;

interface Variant {
  name: string;
  env: Record<string, string>;
  /** Whether passages stand under headings, which are embedded and found with them. */
  headings: boolean;
}

const variants: Variant[] = [
  { name: '400 tokens, 15 % overlap (as it is)', env: {}, headings: true },
  { name: '400 tokens, no overlap', env: { CHUNK_OVERLAP: '0' }, headings: true },
  { name: '400 tokens, 30 % overlap', env: { CHUNK_OVERLAP: '0.3' }, headings: true },
  { name: '250 tokens, 15 % overlap', env: { CHUNK_MAX_TOKENS: '250' }, headings: true },
  { name: '120 tokens, 15 % overlap', env: { CHUNK_MAX_TOKENS: '120' }, headings: true },
  { name: '400 tokens, no pieces', env: { CHUNK_PIECE_TOKENS: '0' }, headings: true },
  { name: '400 tokens, without headings', env: {}, headings: false },
];
const sets = ['jaquad', 'xquad-en'];
const rows = new Map<string, Record<string, string | number>>();

/** Long documents made by joining passages, in their order. */
function joined(passages: Passage[], headings: boolean): UploadFile[] {
  return Array.from({ length: Math.ceil(passages.length / passagesPerDocument) }, (_, i) => {
    const part = passages.slice(i * passagesPerDocument, (i + 1) * passagesPerDocument);
    const content = part.map(({ title, text }) => (headings ? `## ${title}\n\n${text.replace(/^#/gm, '')}` : text)).join('\n\n');
    return { name: `joined-${i}.${headings ? 'md' : 'txt'}`, content: headings ? `# Volume ${i}\n\n${content}\n` : `${content}\n` };
  });
}

const bare = (text: string) => text.normalize('NFKC').replace(/[\s#*_`\\]+/g, '');
const middle = (text: string) => text.slice(Math.max(0, (text.length - middleLength) >> 1), (text.length + middleLength) >> 1);

test.each(variants)('$name', async ({ name, env, headings }) => {
  const row: Record<string, string | number> = { chunking: name };
  for (const set of sets) {
    const { passages, questions } = evaluationSet(set);
    const texts = new Map(passages.map(({ id, text }) => [id, bare(text)]));
    const server = await TestServer.start({ ...uncached, ...env });
    try {
      await server.upload(joined(passages, headings));
      await server.idle(3_600_000);
      let [sum, asked] = [0, 0];
      for (const { query, positive } of questions.filter((_, i) => i % everyNthQuestion === 0)) {
        const { search } = await server.ask<{ search: { hits: { chunk: { text: string }; otherPassages: { text: string }[] }[] } }>(
          'query($query: String!) { search(query: $query, first: 10) { hits { chunk { text } otherPassages { text } } } }',
          { query },
        );
        // The place in the list of shown passages: a long document that holds the answer somewhere is not the answer.
        const shown = search.hits.flatMap(({ chunk, otherPassages }) => [chunk, ...otherPassages]).map(({ text }) => bare(text));
        const rank = shown.findIndex((found) =>
          positive.some((id) => {
            const wanted = texts.get(id) ?? '';
            return found.includes(middle(wanted)) || wanted.includes(middle(found));
          }),
        );
        sum += rank < 0 || rank >= 10 ? 0 : 1 / Math.log2(rank + 2);
        asked += 1;
      }
      const { metrics } = await server.ask<{ metrics: { library: { chunks: number } } }>('{ metrics { library { chunks } } }');
      row[set] = Number((sum / asked).toFixed(4));
      row[`${set}, chunks`] = metrics.library.chunks;
    } finally {
      await server.stop();
    }
  }
  rows.set(name, row);
});

afterAll(() => report('chunking', 'nDCG@10 of the right place in long documents', [...rows.values()]));
