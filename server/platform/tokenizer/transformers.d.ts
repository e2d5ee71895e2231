/** Parts of transformers.js that can be loaded by themselves; they bring no types of their own. */
declare module '@xenova/transformers/src/tokenizers.js' {
  export { AutoTokenizer, type PreTrainedTokenizer } from '@xenova/transformers';
}
declare module '@xenova/transformers/src/utils/data-structures.js' {
  export class CharTrie {
    extend(texts: string[]): void;
  }
}
declare module '@xenova/transformers/src/env.js' {
  export { env } from '@xenova/transformers';
}
