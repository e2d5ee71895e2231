import { type CandidateChunk, type Lexicon } from '../platform/full-text/index.js';
import { fold, hashTerm, terms as termsOf } from '../platform/terms/index.js';
import { type ShownChunks } from './shown-chunks.js';

/** Passages looked at for a phrase or a word to leave out. */
const mostPassages = 4000;
/** Passages whose text is read to see whether a phrase stands in it. */
const mostTexts = 500;

/** Quoted phrases that passages must hold and words that documents must not. */
export class Constraints {
  constructor(
    private readonly lexicon: () => Lexicon,
    private readonly chunks: ShownChunks,
  ) {}

  /** Passages that hold every phrase, letter for letter but for case, width and line breaks. */
  async holding(phrases: string[]): Promise<CandidateChunk[]> {
    const hashes = [...new Set(phrases.flatMap(termsOf))].map(hashTerm);
    const [first, ...others] = phrases;
    if (first === undefined) return [];
    const candidates = (await this.#withAllTerms(first))
      .filter(({ terms }) => others.length === 0 || hashes.every((hash) => terms.count(hash) > 0))
      .slice(0, mostTexts);
    const texts = await this.chunks.get(candidates.map(({ chunkId }) => chunkId));
    const wanted = phrases.map(flat);
    return candidates.filter(({ chunkId }) => {
      const chunk = texts.get(chunkId);
      if (!chunk) return false;
      const text = flat([...chunk.headingPath, chunk.text].join('\n'));
      return wanted.every((phrase) => text.includes(phrase));
    });
  }

  /** Documents that hold any of the words. */
  async documentsWith(excluded: string[]): Promise<Set<string>> {
    const found = new Set<string>();
    for (const word of excluded) for (const { documentId } of await this.#withAllTerms(word)) found.add(documentId);
    return found;
  }

  async #withAllTerms(text: string): Promise<CandidateChunk[]> {
    const terms = [...new Set(termsOf(text))];
    const lexicon = this.lexicon();
    const frequencies = await lexicon.documentFrequencies(terms);
    const [rarest] = terms.sort((a, b) => (frequencies.get(a) ?? 0) - (frequencies.get(b) ?? 0));
    if (rarest === undefined || !frequencies.get(rarest)) return [];
    const candidates = await lexicon.candidates(await lexicon.match([rarest], mostPassages, null));
    const hashes = terms.map(hashTerm);
    return candidates.filter(({ terms: held }) => hashes.every((hash) => held.count(hash) > 0));
  }
}

const flat = (text: string) => fold(text).replace(/\s+/g, ' ');
