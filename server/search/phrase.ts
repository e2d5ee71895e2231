import { fold, terms as termsOf, withoutLongVowel } from '../platform/terms/index.js';

/** A letter or digit of a script written with spaces. */
const spaced = '(?![\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}ー々〆ヶ〇])[\\p{Letter}\\p{Mark}\\p{Number}]';
const beginsSpaced = new RegExp(`^${spaced}`, 'u');
const endsSpaced = new RegExp(`${spaced}$`, 'u');
/** What may stand beside a phrase and change how it is cut into terms: a character without spaces, a long vowel, a name that goes on. */
const mayStandBefore = ['', '一', 'アアア', 'x-'];
const mayStandBehind = ['', '一', 'ア', 'ー', '-x'];
/** UTF-16 code units of a character at the most. */
const longestCharacter = 2;

/** The form in which texts and phrases are compared letter for letter. */
export const flat = (text: string): string => fold(text).replace(/\s+/g, ' ');

/**
 * Words that stand side by side in a passage: letter for letter but for case, width, line breaks and the long vowel at the end of a
 * katakana word. Where a phrase begins or ends with a letter or digit of a script written with spaces, a word of the passage does too.
 */
export class Phrase {
  readonly #form: string;
  readonly #beginsWord: boolean;
  readonly #endsWord: boolean;
  /** Terms of every passage that holds the phrase, whatever stands beside it there; none for a single ideograph, or punctuation. */
  readonly certainTerms: string[];
  /** Whether every passage with the certain terms holds the phrase. */
  readonly isTerm: boolean;

  constructor(text: string) {
    const form = flat(text).trim();
    this.#form = form;
    this.#beginsWord = beginsSpaced.test(form);
    this.#endsWord = endsSpaced.test(form);
    const all = [...new Set(termsOf(form))];
    // Behind punctuation a word may go on.
    const before = this.#beginsWord ? mayStandBefore : [...mayStandBefore, 'x'];
    const behind = this.#endsWord ? mayStandBehind : [...mayStandBehind, 'x'];
    const contexts = [...before.map((one) => one + form), ...behind.map((one) => form + one)].map((context) => new Set(termsOf(context)));
    this.certainTerms = all.filter((term) => contexts.every((terms) => terms.has(term)));
    this.isTerm = this.certainTerms.length === 1 && this.certainTerms[0] === form;
  }

  /** @param text flat */
  standsIn(text: string): boolean {
    return this.#stands(this.#form, text) || this.#stands(withoutLongVowel(this.#form), withoutLongVowel(text));
  }

  #stands(form: string, text: string): boolean {
    for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1)) {
      const end = at + form.length;
      const goesOn =
        (this.#beginsWord && endsSpaced.test(text.slice(Math.max(0, at - longestCharacter), at))) ||
        (this.#endsWord && beginsSpaced.test(text.slice(end, end + longestCharacter)));
      if (!goesOn) return true;
    }
    return false;
  }
}
