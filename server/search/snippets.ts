import { type ShownChunk } from './shown-chunks.js';
import { type Snippet, snippetOf, type SnippetQuery } from './snippet.js';

/** Snippets for one query, each made once. */
export class Snippets {
  readonly #made = new Map<string, Snippet>();

  constructor(private readonly query: SnippetQuery) {}

  of({ chunk, parts }: ShownChunk): Snippet {
    let snippet = this.#made.get(chunk.id);
    if (!snippet) this.#made.set(chunk.id, (snippet = snippetOf(chunk.text, this.query, parts)));
    return snippet;
  }
}
