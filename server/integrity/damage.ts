/** What may be wrong with a library, by where it shows. */
export type DamageKind =
  | 'ORIGINAL_MISSING'
  | 'ORIGINAL_ALTERED'
  | 'ORIGINAL_ORPHAN'
  | 'TEXT_MISSING'
  | 'CHUNKS_MISSING'
  | 'CHUNK_ALTERED'
  | 'CHUNK_ORPHAN'
  | 'FULL_TEXT_MISSING'
  | 'FULL_TEXT_ORPHAN'
  | 'VECTOR_MISSING'
  | 'VECTOR_ALTERED'
  | 'VECTOR_ORPHAN'
  | 'INDEX_MISSING'
  | 'INDEX_ORPHAN'
  | 'STUCK'
  | 'CHUNK_DOUBLED'
  | 'CHUNK_STALE'
  | 'TERMS_ALTERED'
  | 'POSTING_ORPHAN'
  | 'STATISTICS_WRONG'
  | 'TEXT_ORPHAN'
  | 'TAG_ORPHAN'
  | 'INDEX_ALTERED'
  | 'DOCUMENT_ALTERED';

/** One difference between the stores. */
export interface Damage {
  kind: DamageKind;
  /** Id of the document it belongs to; null where there is none. */
  documentId: string | null;
  /** Id of the chunk, or hash of the original. */
  subject: string;
  message: string;
}

/** Kinds that reading the document again from its original mends. */
export const mendedByReading: ReadonlySet<DamageKind> = new Set<DamageKind>([
  'TEXT_MISSING',
  'CHUNKS_MISSING',
  'CHUNK_ALTERED',
  'FULL_TEXT_MISSING',
  'VECTOR_MISSING',
  'VECTOR_ALTERED',
  'STUCK',
  'CHUNK_DOUBLED',
  'TERMS_ALTERED',
  'DOCUMENT_ALTERED',
  // Which of the two is right nobody can tell: both are made anew.
  'INDEX_ALTERED',
]);

/** Kinds that no store can mend: the bytes have to come from a backup, or from whoever has the file. */
export const originalLost: ReadonlySet<DamageKind> = new Set<DamageKind>(['ORIGINAL_MISSING', 'ORIGINAL_ALTERED']);
