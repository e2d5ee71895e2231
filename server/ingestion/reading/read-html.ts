import { Readability } from '@mozilla/readability';
import { parseHTML } from 'linkedom';
import { noText, type Reading } from './blocks.js';
import { decodeText, declaredCharset } from './encoding.js';
import { blocksOf } from './html-blocks.js';

const shortestArticle = 200;
const smallestShare = 0.25;

const meaning = (text: string | null | undefined) => text?.replace(/\s+/g, ' ').trim() || null;

function metaContent(document: Document, ...names: string[]): string | null {
  for (const name of names) {
    const element = document.querySelector(`meta[property="${name}"], meta[name="${name}"], meta[itemprop="${name}"]`);
    const content = meaning(element?.getAttribute('content'));
    if (content) return content;
  }
  return null;
}

function isoDate(value: string | null): string | null {
  if (!value) return null;
  const time = Date.parse(value);
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

function publishedDate(document: Document, fromArticle: string | null): string | null {
  return (
    isoDate(fromArticle) ??
    isoDate(
      metaContent(document, 'article:published_time', 'datePublished', 'date', 'dc.date', 'DC.date.issued', 'pubdate', 'sailthru.date', 'parsely-pub-date'),
    ) ??
    isoDate(document.querySelector('time[datetime]')?.getAttribute('datetime') ?? null)
  );
}

function visibleLength(element: Element | null): number {
  return element ? blocksOf(element).reduce((sum, block) => sum + block.text.replace(/\s+/g, '').length, 0) : 0;
}

function parse(html: string): Document {
  // linkedom builds no body for a fragment.
  const whole = /<html[\s>]/i.test(html) ? html : `<!doctype html><html><head></head><body>${html}</body></html>`;
  return parseHTML(whole).document as unknown as Document;
}

/**
 * Main text of a web page by Readability; the whole body where that finds under 200 characters or under a quarter of
 * the visible text.
 */
export function readHtml(bytes: Uint8Array, url: string | null): Reading {
  const { text: html } = decodeText(bytes, declaredCharset(bytes));
  const original = parse(html);
  const heading = meaning(original.querySelector('h1')?.textContent);
  const bodyLength = visibleLength(original.body);
  if (bodyLength === 0) throw noText('The page');
  // Readability takes the document apart, so it gets one of its own.
  const article = new Readability(parse(html), { charThreshold: shortestArticle }).parse();
  const content = article?.content ? parse(article.content).body : null;
  const articleLength = visibleLength(content);
  const useArticle = content !== null && articleLength >= shortestArticle && articleLength >= bodyLength * smallestShare;
  const blocks = blocksOf(useArticle ? content : original.body);
  return {
    blocks,
    facts: {
      title: meaning(article?.title) ?? meaning(original.querySelector('title')?.textContent) ?? heading ?? url,
      author: meaning(article?.byline) ?? metaContent(original, 'author', 'article:author', 'parsely-author', 'dc.creator'),
      pageCount: null,
      publishedAt: publishedDate(original, article?.publishedTime ?? null),
      extraction: useArticle ? 'readability' : 'body',
    },
  };
}
