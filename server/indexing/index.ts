export { Embedders } from './embedders.js';
export { GenerationEntity } from './generation.entity.js';
export { KnowledgeIndex } from './knowledge-index.js';
export { passageText } from './passage-text.js';
export { Reembedding, reembedKind } from './reembed.js';
