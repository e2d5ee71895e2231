import { type Catalogue } from '../documents/index.js';
import { type CandidateChunk, type Lexicon } from '../platform/full-text/index.js';
import { hashTerm } from '../platform/terms/index.js';
import { flat, Phrase } from './phrase.js';
import { type ShownChunks } from './shown-chunks.js';

/** Passages looked at for a phrase. */
const mostPassages = 4000;
/** Passages whose text is read to see whether a phrase stands in it. */
const mostTexts = 500;

/** Passages of the candidates that a single character may rule out. */
const mostLeftOut = 100_000;

/** What was found, and whether everything was looked at. */
export interface Looked<T> {
  found: T;
  complete: boolean;
}

interface ConstraintsParts {
  lexicon: () => Lexicon;
  /** Of the passages that answer. */
  chunking: () => number;
  chunks: ShownChunks;
  catalogue: Pick<Catalogue, 'get'>;
}

/** Quoted phrases that passages must hold and words that documents must not. */
export class Constraints {
  constructor(private readonly parts: ConstraintsParts) {}

  /**
   * Passages that hold every phrase, in their text, under their headings or in the document's title.
   * @param documentIds looked for in these only; null for all
   */
  async holding(phrases: string[], documentIds: string[] | null): Promise<Looked<CandidateChunk[]>> {
    if (phrases.length === 0) return { found: [], complete: true };
    const wanted = phrases.map((text) => new Phrase(text));
    const certain = [...new Set(wanted.flatMap(({ certainTerms }) => certainTerms))];
    const possible = certain.length > 0 ? await this.#withAllTerms(certain, documentIds) : await this.#containing(phrases, documentIds);
    const candidates = possible.found.slice(0, mostTexts);
    const [texts, documents] = await Promise.all([
      this.parts.chunks.get(candidates.map(({ chunkId }) => chunkId)),
      this.parts.catalogue.get(candidates.map(({ documentId }) => documentId)),
    ]);
    const found = candidates.filter(({ chunkId, documentId }) => {
      const chunk = texts.get(chunkId)?.chunk;
      if (!chunk) return false;
      const text = flat([documents.get(documentId)?.title ?? '', ...chunk.headingPath, chunk.text].join('\n'));
      return wanted.every((phrase) => phrase.standsIn(text));
    });
    return { found, complete: possible.complete && possible.found.length <= mostTexts };
  }

  /** Which of the documents hold any of the words. Where too many would have to be read for that, those with all parts of a word in one passage. */
  async documentsWith(excluded: string[], documentIds: string[]): Promise<Set<string>> {
    const found = await Promise.all(
      excluded.map(async (word) => {
        const { certainTerms, isTerm } = new Phrase(word);
        const withTerms = () => this.parts.lexicon().documentsWith(certainTerms, documentIds);
        if (isTerm) return withTerms();
        if (certainTerms.length === 0)
          return (await this.parts.chunks.containing(flat(word).trim(), this.parts.chunking(), mostLeftOut, documentIds)).map(({ documentId }) => documentId);
        const held = await this.holding([word], documentIds);
        return held.complete ? held.found.map(({ documentId }) => documentId) : withTerms();
      }),
    );
    return new Set(found.flat());
  }

  async #withAllTerms(terms: string[], documentIds: string[] | null): Promise<Looked<CandidateChunk[]>> {
    const lexicon = this.parts.lexicon();
    const frequencies = await lexicon.documentFrequencies(terms);
    const [rarest] = terms.toSorted((a, b) => (frequencies.get(a) ?? 0) - (frequencies.get(b) ?? 0));
    if (rarest === undefined || !frequencies.get(rarest)) return { found: [], complete: true };
    const { candidates, full } = await lexicon.find([rarest], mostPassages, documentIds);
    const hashes = terms.map(hashTerm);
    return { found: candidates.filter(({ terms: held }) => hashes.every((hash) => held.count(hash) > 0)), complete: !full };
  }

  /** For what no term leads to, texts are looked through. */
  async #containing(phrases: string[], documentIds: string[] | null): Promise<Looked<CandidateChunk[]>> {
    const longest = phrases.map((text) => flat(text).trim()).reduce((a, b) => (b.length > a.length ? b : a));
    const found = await this.parts.chunks.containing(longest, this.parts.chunking(), mostTexts + 1, documentIds);
    return { found: await this.parts.lexicon().candidates(found.map(({ chunkId }) => chunkId)), complete: found.length <= mostTexts };
  }
}
