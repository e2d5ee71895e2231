export { ChromaIndex } from './chroma-index.js';
export { DotKernel, RowFormat } from './dot-kernel.js';
export { ResidentVectors } from './resident-vectors.js';
export { availableWithin, CollectionLost, type Neighbour, type VectorIndex, type VectorRow } from './vector-index.js';
