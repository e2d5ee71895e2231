const fullest = 0.6;
/** Of E5's vocabulary: there are twice as many beginnings of tokens as tokens. */
const usualNodes = 2;
/** Of a slot: the node it leads from, the UTF-16 code unit, the node it leads to. */
const slotSize = 3;
const root = 0;
const nowhere = 0;

/** A surrogate pair: transformers.js looks at UTF-16 code units and so never finds a token that has one. */
const surrogate = /[\ud800-\udfff]/;

/**
 * The tokens of a vocabulary as a trie, in one open-addressed table: transformers.js makes an object of each
 * character, which takes a second of a core and 50 MB for 100,000 tokens. What is looked at together lies together.
 */
export class TokenTrie {
  #slots: Int32Array;
  #nodes = 1;
  /** Of each node: the token that ends there, and one more. */
  #tokens: Int32Array<ArrayBuffer>;

  constructor(tokens: readonly string[]) {
    const nodes = Math.max(1, tokens.length) * usualNodes;
    this.#tokens = new Int32Array(nodes);
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(nodes / fullest)) * slotSize);
    tokens.forEach((token, index) => {
      if (token === '' || surrogate.test(token)) return;
      let node = root;
      for (let at = 0; at < token.length; at++) node = this.#take(node, token.charCodeAt(at));
      this.#tokens[node] = index + 1;
    });
  }

  /**
   * @param found called for each token that the text has at `start`, shortest first, with its number in the vocabulary and its end
   */
  forEachAt(text: string, start: number, found: (token: number, end: number) => void): void {
    let node = root;
    for (let at = start; at < text.length; at++) {
      node = this.#slots[this.#slotOf(node, text.charCodeAt(at)) + 2]!;
      if (node === nowhere) return;
      const token = this.#tokens[node]!;
      if (token > 0) found(token - 1, at + 1);
    }
  }

  #take(node: number, code: number): number {
    const slot = this.#slotOf(node, code);
    const known = this.#slots[slot + 2]!;
    if (known !== nowhere) return known;
    const next = this.#nodes++;
    this.#slots[slot] = node;
    this.#slots[slot + 1] = code;
    this.#slots[slot + 2] = next;
    if (next === this.#tokens.length) this.#tokens = twiceAsLong(this.#tokens);
    if (this.#nodes > (this.#slots.length / slotSize) * fullest) this.#grow();
    return next;
  }

  /** Where the way from a node by a character lies in the table, or would. */
  #slotOf(node: number, code: number): number {
    const slots = this.#slots;
    const last = slots.length / slotSize - 1;
    let hash = Math.imul(node, 0x9e3779b1) ^ Math.imul(code, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let at = hash & last; ; at = (at + 1) & last) {
      const slot = at * slotSize;
      if (slots[slot + 2] === nowhere || (slots[slot] === node && slots[slot + 1] === code)) return slot;
    }
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(before.length * 2);
    for (let slot = 0; slot < before.length; slot += slotSize)
      if (before[slot + 2] !== nowhere) this.#slots.set(before.subarray(slot, slot + slotSize), this.#slotOf(before[slot]!, before[slot + 1]!));
  }
}

function twiceAsLong(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(array.length * 2);
  longer.set(array);
  return longer;
}
