export { type Admitted, admits, Catalogue, type DocumentCriteria, type DocumentFacts, isNarrowing, type DocumentWithTags } from './catalogue.js';
export { ChunkEntity, ChunkVectorEntity, vectorFromBytes, vectorToBytes } from './chunk.entity.js';
export { DocumentEntity, type DocumentFailure, type DocumentState, DocumentTagEntity, DocumentTextEntity } from './document.entity.js';
export { ingestKind, type IngestPayload } from './arrivals.js';
export { type AcceptedDocument, cleanFileName, cleanTags, DocumentStore, type SavedDocument } from './document-store.js';
export { ChunkType, DocumentErrorType, DocumentStatus, DocumentType, SourceType } from './document.type.js';
export { DocumentsResolver } from './documents.resolver.js';
export { originalRoute } from './original.route.js';
export { chunkView, DocumentsService } from './documents.service.js';
