import { In, IsNull } from 'typeorm';
import { DocumentEntity } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';

/** @returns ids of documents by an id, else a file name or an address, else a title, else a name under which the same bytes came again; of several two */
export async function documentsNamed(database: Database, name: string): Promise<string[]> {
  // Titles that were found in a document are folded, names of files are not.
  const forms = In([...new Set([name.normalize('NFC'), name.normalize('NFKC')])]);
  for (const columns of [['id'], ['fileName', 'url'], ['title']] as const) {
    const where = columns.map((column) => ({ [column]: forms, deletedAt: IsNull() }));
    const found = await database.read.find(DocumentEntity, { where, select: { id: true }, take: 2 });
    if (found.length > 0) return found.map(({ id }) => id);
  }
  const asJson = JSON.stringify(name.normalize('NFC')).replace(/[\\%_]/g, (character) => `\\${character}`);
  const others = await database.read
    .createQueryBuilder(DocumentEntity, 'document')
    .select(['document.id'])
    .where(`document.deletedAt IS NULL AND document.aliases LIKE :like ESCAPE '\\'`, { like: `%${asJson}%` })
    .take(2)
    .getMany();
  return others.map(({ id }) => id);
}
