export { type Embedder, type EmbedderState, type PassageOptions } from './embedder.js';
export { canonicalModelName, type Download, downloadAgain, embeddedModel, locateModel, type ModelFiles } from './model-files.js';
export { WorkerEmbedder } from './worker-embedder.js';
export { passageHash, passageText } from './passage-text.js';
