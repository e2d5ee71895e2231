import { type Damage, type DamageKind } from '../damage.js';
import { type Check, select } from './check.js';

const looks: [DamageKind, string, string][] = [
  ['CHUNK_ORPHAN', 'A passage belongs to no document.', 'SELECT c.id FROM chunks c LEFT JOIN documents d ON d.id = c.document_id WHERE d.id IS NULL'],
  [
    'FULL_TEXT_ORPHAN',
    'The full-text index lists a passage that does not exist.',
    'SELECT t.chunk_id AS id FROM chunk_terms t LEFT JOIN chunks c ON c.id = t.chunk_id WHERE c.id IS NULL',
  ],
  [
    'VECTOR_ORPHAN',
    'A vector belongs to no passage.',
    'SELECT DISTINCT v.chunk_id AS id FROM chunk_vectors v LEFT JOIN chunks c ON c.id = v.chunk_id WHERE c.id IS NULL',
  ],
  [
    'TEXT_ORPHAN',
    'A text belongs to no document.',
    'SELECT DISTINCT t.document_id AS id FROM document_texts t LEFT JOIN documents d ON d.id = t.document_id WHERE d.id IS NULL',
  ],
  [
    'TAG_ORPHAN',
    'A tag belongs to no document.',
    'SELECT DISTINCT t.document_id AS id FROM document_tags t LEFT JOIN documents d ON d.id = t.document_id WHERE d.id IS NULL',
  ],
];

/** Rows that belong to nothing. */
export const orphans: Check = async (stores) => {
  const found: Damage[] = [];
  for (const [kind, message, sql] of looks) {
    for (const { id } of await select<{ id: number | string }>(stores, sql)) found.push({ kind, documentId: null, subject: String(id), message });
  }
  return found;
};
