import { env } from '@xenova/transformers/src/env.js';
import { AutoTokenizer, type PreTrainedTokenizer } from '@xenova/transformers/src/tokenizers.js';
import { CharTrie } from '@xenova/transformers/src/utils/data-structures.js';
import { basename, dirname } from 'node:path';
import { Unigram, type UnigramVocabulary } from './unigram.js';

export { type PreTrainedTokenizer };

/** transformers.js's model of a vocabulary; the fields of a unigram one are missing in others. */
interface Model extends Partial<UnigramVocabulary> {
  tokenize: (text: string) => string[];
  encode: (texts: string[]) => string[];
}

// What is built here, transformers.js has no setting to leave out; `Unigram` brings a trie of its own.
CharTrie.prototype.extend = () => undefined;

/** The tokenizer of a model in a folder, as the model hub lays one out. Nothing is fetched. */
export async function loadTokenizer(folder: string): Promise<PreTrainedTokenizer> {
  env.allowRemoteModels = false;
  env.localModelPath = dirname(folder);
  const tokenizer = await AutoTokenizer.from_pretrained(basename(folder), { local_files_only: true });
  const model = tokenizer.model as unknown as Model;
  const { vocab, scores, unkScore } = model;
  if (vocab && scores && unkScore !== undefined) {
    const unigram = new Unigram({ vocab, scores, unkScore });
    model.tokenize = (text) => unigram.cut(text);
    // Its own hands all tokens of a text to one call, of which there may be too many.
    model.encode = (texts) => texts.flatMap((text) => unigram.cut(text));
  }
  return tokenizer;
}
