export { type Embedder, type EmbedderState, type PassageOptions } from './embedder.js';
export { canonicalModelName, embeddedModel, locateModel, type ModelFiles } from './model-files.js';
export { WorkerEmbedder } from './worker-embedder.js';
export { passageHash, passageText } from './passage-text.js';
