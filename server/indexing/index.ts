export { Embedders } from './embedders.js';
export { GenerationEntity } from './generation.entity.js';
export { IndexRepair } from './index-repair.js';
export { KnowledgeIndex } from './knowledge-index.js';
export { packVectors, PackedVectors } from './packed-vectors.js';
export { Refinement, refineKind } from './refine.js';
export { indexChecks } from './index-checks.js';
export { passageText } from './passage-text.js';
export { followConfiguredModel, Reembedding, reembedKind } from './reembed.js';
