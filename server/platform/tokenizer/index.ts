import { env } from '@xenova/transformers/src/env.js';
import { AutoTokenizer, type PreTrainedTokenizer } from '@xenova/transformers/src/tokenizers.js';
import { CharTrie } from '@xenova/transformers/src/utils/data-structures.js';
import { basename, dirname } from 'node:path';
import { TokenPrefixes } from './prefixes.js';

export { type PreTrainedTokenizer };

// transformers.js makes its tree of characters itself and has no setting for another one.
const prefixes = new WeakMap<CharTrie, TokenPrefixes>();
CharTrie.prototype.extend = function (tokens) {
  prefixes.set(this, new TokenPrefixes(tokens));
};
CharTrie.prototype.commonPrefixSearch = function (text) {
  return prefixes.get(this)?.of(text) ?? [];
};

/** The tokenizer of a model in a folder, as the model hub lays one out. Nothing is fetched. */
export function loadTokenizer(folder: string): Promise<PreTrainedTokenizer> {
  env.allowRemoteModels = false;
  env.localModelPath = dirname(folder);
  return AutoTokenizer.from_pretrained(basename(folder), { local_files_only: true });
}
