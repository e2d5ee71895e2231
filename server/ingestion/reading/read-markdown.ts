import { parseHTML } from 'linkedom';
import { Marked } from 'marked';
import { type Reading } from './blocks.js';
import { decodeText } from './encoding.js';
import { blocksOf } from './html-blocks.js';

const frontMatter = /^---\r?\n([\s\S]*?)\r?\n---\r?\n/;

function frontMatterValue(block: string, key: string): string | null {
  const line = new RegExp(`^${key}\\s*:\\s*(.+)$`, 'im').exec(block)?.[1]?.trim();
  return line?.replace(/^(['"])(.*)\1$/, '$2').trim() || null;
}

/** Elements whose content an HTML parser takes for something other than text. */
const swallowing = /^<\/?(script|style|template|slot|textarea|title|noscript|iframe)\b/i;

/** In running text such a tag is what the sentence is about, not markup. */
const markdown = new Marked({
  gfm: true,
  async: false,
  renderer: {
    html: ({ text, type, block }) =>
      type === 'html' && block !== true && swallowing.test(text) ? text.replaceAll('&', '&amp;').replaceAll('<', '&lt;') : text,
  },
});

/** Markdown by way of its HTML; components and scripts of documentation sites fall away with their tags. */
export function readMarkdown(bytes: Uint8Array): Reading {
  const { text } = decodeText(bytes);
  const front = frontMatter.exec(text);
  // `## Title {#anchor}` is how documentation sites name anchors.
  const body = text.slice(front?.[0].length ?? 0).replace(/^(#{1,6} .*?)[ \t]*\{#[\w-]+\}[ \t]*$/gm, '$1');
  const html = markdown.parse(body) as string;
  const { document } = parseHTML(`<!doctype html><html><head></head><body>${html}</body></html>`);
  const blocks = blocksOf(document.body as unknown as Element);
  const published = front ? frontMatterValue(front[1] ?? '', 'date') : null;
  return {
    blocks,
    facts: {
      title: (front && frontMatterValue(front[1] ?? '', 'title')) ?? blocks.find((block) => block.kind === 'heading' && block.level === 1)?.text ?? null,
      author: front ? frontMatterValue(front[1] ?? '', 'author') : null,
      pageCount: null,
      publishedAt: published && !Number.isNaN(Date.parse(published)) ? new Date(published).toISOString() : null,
      extraction: null,
    },
  };
}
