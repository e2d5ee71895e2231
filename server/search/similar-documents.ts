import { type Catalogue, ChunkEntity, type DocumentWithTags } from '../documents/index.js';
import { type KnowledgeIndex } from '../indexing/index.js';
import { type Database } from '../platform/database/index.js';
import { notFound } from '../platform/errors.js';
import { type FullTextIndex } from '../platform/full-text/index.js';
import { pageSize } from '../platform/http/graphql-types.js';

/** Passages that stand for a document when others like it are looked for. */
const passagesCompared = 64;
const mostNeighbours = 5000;

/** Documents whose passages lie nearest to the middle of one document's. */
export class SimilarDocuments {
  constructor(private readonly parts: { catalogue: Catalogue; database: Database; index: KnowledgeIndex; fullText: FullTextIndex }) {}

  /** @returns nearest first, at most `first`. Throws AppError NOT_FOUND, or BAD_USER_INPUT for a wrong page size. */
  async to(id: string, first: number): Promise<DocumentWithTags[]> {
    const { catalogue, database, index, fullText } = this.parts;
    const size = pageSize(first);
    const document = (await catalogue.get([id])).get(id);
    if (!document) throw notFound('document', id);
    const rows = await database.searchRead.find(ChunkEntity, {
      where: { documentId: id, revision: document.revision },
      select: { id: true },
      order: { ordinal: 'ASC' },
      take: passagesCompared,
    });
    const vectors = [...(await index.storedVectors(rows.map((row) => row.id))).values()];
    if (vectors.length === 0) return [];
    const found = await index.nearest(mean(vectors), Math.min(mostNeighbours, size * 10 + document.chunkCount));
    const candidates = await fullText.candidates(found.map((neighbour) => Number(neighbour.id)));
    const byChunk = new Map(candidates.map((candidate) => [candidate.chunkId, candidate]));
    await catalogue.refresh();
    const documents = await catalogue.get(candidates.map((candidate) => candidate.documentId));
    const similar = new Map<string, DocumentWithTags>();
    for (const neighbour of found) {
      const candidate = byChunk.get(Number(neighbour.id));
      const other = candidate && documents.get(candidate.documentId);
      if (other && other.id !== id && other.revision === candidate.revision && !similar.has(other.id)) similar.set(other.id, other);
      if (similar.size === size) break;
    }
    return [...similar.values()];
  }
}

function mean(vectors: Float32Array[]): Float32Array {
  const sum = new Float32Array(vectors[0]!.length);
  for (const vector of vectors) for (let i = 0; i < sum.length; i++) sum[i]! += vector[i]! / vectors.length;
  return sum;
}
