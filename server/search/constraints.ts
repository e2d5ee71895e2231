import { type CandidateChunk, type Lexicon } from '../platform/full-text/index.js';
import { fold, hashTerm, terms as termsOf } from '../platform/terms/index.js';
import { type ShownChunks } from './shown-chunks.js';

/** Passages looked at for a phrase. */
const mostPassages = 4000;
/** Passages whose text is read to see whether a phrase stands in it. */
const mostTexts = 500;

/** What was found, and whether everything was looked at. */
export interface Looked<T> {
  found: T;
  complete: boolean;
}

/** Quoted phrases that passages must hold and words that documents must not. */
export class Constraints {
  constructor(
    private readonly lexicon: () => Lexicon,
    private readonly chunks: ShownChunks,
  ) {}

  /**
   * Passages that hold every phrase, letter for letter but for case, width and line breaks.
   * @param documentIds looked for in these only; null for all
   */
  async holding(phrases: string[], documentIds: string[] | null): Promise<Looked<CandidateChunk[]>> {
    const hashes = [...new Set(phrases.flatMap(termsOf))].map(hashTerm);
    const [first, ...others] = phrases;
    if (first === undefined) return { found: [], complete: true };
    const held = await this.#withAllTerms(first, documentIds);
    const possible = held.found.filter(({ terms }) => others.length === 0 || hashes.every((hash) => terms.count(hash) > 0));
    const candidates = possible.slice(0, mostTexts);
    const texts = await this.chunks.get(candidates.map(({ chunkId }) => chunkId));
    const wanted = phrases.map(flat);
    const found = candidates.filter(({ chunkId }) => {
      const chunk = texts.get(chunkId)?.chunk;
      if (!chunk) return false;
      const text = flat([...chunk.headingPath, chunk.text].join('\n'));
      return wanted.every((phrase) => text.includes(phrase));
    });
    return { found, complete: held.complete && possible.length <= mostTexts };
  }

  /** Documents that hold any of the words; a word of several characters where one passage holds all of its parts. */
  async documentsWith(excluded: string[], documentIds: string[] | null): Promise<Set<string>> {
    const found = await Promise.all(excluded.map((word) => this.lexicon().documentsWith([...new Set(termsOf(word))], documentIds)));
    return new Set(found.flat());
  }

  async #withAllTerms(text: string, documentIds: string[] | null): Promise<Looked<CandidateChunk[]>> {
    const terms = [...new Set(termsOf(text))];
    const lexicon = this.lexicon();
    const frequencies = await lexicon.documentFrequencies(terms);
    const [rarest] = terms.sort((a, b) => (frequencies.get(a) ?? 0) - (frequencies.get(b) ?? 0));
    if (rarest === undefined || !frequencies.get(rarest)) return { found: [], complete: true };
    const ids = await lexicon.match([rarest], mostPassages, documentIds);
    const candidates = await lexicon.candidates(ids);
    const hashes = terms.map(hashTerm);
    return { found: candidates.filter(({ terms: held }) => hashes.every((hash) => held.count(hash) > 0)), complete: ids.length < mostPassages };
  }
}

const flat = (text: string) => fold(text).replace(/\s+/g, ' ');
