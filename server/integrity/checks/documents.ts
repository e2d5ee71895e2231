import { type Damage } from '../damage.js';
import { answering, type Check, type CheckedStores, select } from './check.js';

/** Documents with a text, and with as many passages as they had when they became ready, each once. */
export const documents: Check = async (stores) => {
  const texts = await select<{ id: string }>(
    stores,
    `SELECT d.id FROM documents d LEFT JOIN document_texts t ON t.document_id = d.id AND t.revision = d.revision WHERE ${answering} AND t.document_id IS NULL`,
  );
  const doubled = await select<{ id: string; chunk: number | string }>(
    stores,
    `SELECT d.id, max(c.id) AS chunk FROM documents d JOIN chunks c ON c.document_id = d.id AND c.revision = d.revision WHERE ${answering}
     GROUP BY d.id, c.ordinal HAVING count(*) > 1`,
  );
  const counts = await select<{ id: string; chunk_count: number; present: number | string }>(
    stores,
    `SELECT d.id, d.chunk_count, count(DISTINCT c.ordinal) AS present FROM documents d
     LEFT JOIN chunks c ON c.document_id = d.id AND c.revision = d.revision AND c.indexed_at IS NOT NULL
     WHERE ${answering} GROUP BY d.id, d.chunk_count HAVING count(DISTINCT c.ordinal) <> d.chunk_count`,
  );
  // What an earlier revision has left, though nothing is under way that would clear it.
  const stale = await select<{ id: string; chunk: number | string }>(
    stores,
    `SELECT d.id, c.id AS chunk FROM documents d JOIN chunks c ON c.document_id = d.id AND c.revision <> d.revision
     WHERE d.status IN ('READY', 'FAILED') AND d.deleted_at IS NULL
     AND NOT EXISTS (SELECT 1 FROM document_chunkings k WHERE k.document_id = d.id AND k.revision = c.revision)
     AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.subject_id = d.id AND j.status IN ('QUEUED', 'RUNNING'))`,
  );
  const misnumbered = await select<{ id: string }>(
    stores,
    `SELECT d.id FROM documents d JOIN chunks c ON c.document_id = d.id AND c.revision = d.revision WHERE ${answering}
     GROUP BY d.id, d.chunk_count HAVING count(DISTINCT c.ordinal) = d.chunk_count AND (min(c.ordinal) <> 0 OR max(c.ordinal) <> d.chunk_count - 1)
     UNION SELECT s.id FROM (SELECT d.id, c.char_start, lag(c.char_start) OVER (PARTITION BY d.id ORDER BY c.ordinal) AS start_before
       FROM documents d JOIN chunks c ON c.document_id = d.id AND c.revision = d.revision WHERE ${answering}) s WHERE s.start_before > s.char_start`,
  );
  const misplaced = await select<{ id: string; chunk: number | string }>(
    stores,
    `SELECT d.id, c.id AS chunk FROM documents d JOIN chunks c ON c.document_id = d.id AND c.revision = d.revision WHERE ${answering}
     AND c.page_from IS NOT NULL AND (d.page_count IS NULL OR c.page_from < 1 OR c.page_to < c.page_from OR c.page_to > d.page_count)`,
  );
  return [
    ...(await contradicted(stores)),
    ...misnumbered.map(({ id }): Damage => ({
      kind: 'DOCUMENT_ALTERED',
      documentId: id,
      subject: id,
      message: 'The passages are not numbered as they follow.',
    })),
    ...misplaced.map(({ id, chunk }): Damage => ({
      kind: 'CHUNK_ALTERED',
      documentId: id,
      subject: String(chunk),
      message: 'A passage names a page that the document does not have.',
    })),
    ...texts.map(({ id }): Damage => ({ kind: 'TEXT_MISSING', documentId: id, subject: id, message: 'The text that was read of the document is gone.' })),
    ...doubled.map(({ id, chunk }): Damage => ({ kind: 'CHUNK_DOUBLED', documentId: id, subject: String(chunk), message: 'A passage is there twice.' })),
    ...counts.map(({ id, chunk_count: wanted, present }): Damage => {
      return { kind: 'CHUNKS_MISSING', documentId: id, subject: id, message: `The document has ${present} passages, not ${wanted}.` };
    }),
    ...stale.map(({ id, chunk }): Damage => ({
      kind: 'CHUNK_STALE',
      documentId: id,
      subject: String(chunk),
      message: 'A passage is left of an earlier reading.',
    })),
  ];
};

interface Facts {
  language: string | null;
  pageCount: number | null;
}

/** Documents whose row says something else than the reading it was made from. */
async function contradicted(stores: CheckedStores): Promise<Damage[]> {
  const rows = await select<{ id: string; status: string; language: string | null; page_count: number | null; facts: string | Facts }>(
    stores,
    `SELECT d.id, d.status, d.language, d.page_count, t.facts FROM documents d
     JOIN document_texts t ON t.document_id = d.id AND t.revision = d.revision WHERE ${answering}
     AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.subject_id = d.id AND j.status IN ('QUEUED', 'RUNNING'))`,
  );
  return rows.flatMap(({ id, status, language, page_count: pages, facts: kept }): Damage[] => {
    const facts = typeof kept === 'string' ? (JSON.parse(kept) as Facts) : kept;
    const wrong = [
      ...(status === 'FAILED' ? ['it answers, though it is said to have failed'] : []),
      ...(language !== (facts.language ?? null) ? [`its language is ${facts.language ?? 'unknown'}, not ${language}`] : []),
      ...(pages !== (facts.pageCount ?? null) ? [`it has ${facts.pageCount ?? 'no'} pages, not ${pages}`] : []),
    ];
    return wrong.length === 0
      ? []
      : [{ kind: 'DOCUMENT_ALTERED', documentId: id, subject: id, message: `The document is described wrongly: ${wrong.join('; ')}.` }];
  });
}

/** Documents on their way that no job takes further. */
export const stuck: Check = async (stores) => {
  const rows = await select<{ id: string; status: string }>(
    stores,
    `SELECT d.id, d.status FROM documents d WHERE d.deleted_at IS NULL AND d.status NOT IN ('READY', 'FAILED')
     AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.subject_id = d.id AND j.status IN ('QUEUED', 'RUNNING'))`,
  );
  return rows.map(({ id, status }) => ({ kind: 'STUCK', documentId: id, subject: id, message: `The document is ${status}, and no job takes it further.` }));
};
