import { parseHTML } from 'linkedom';
import mammoth from 'mammoth';
import { promisify } from 'node:util';
import yauzl from 'yauzl';
import { corrupt, noText, type Reading, ReadingError } from './blocks.js';
import { blocksOf } from './html-blocks.js';

const fromBuffer = promisify<Buffer, yauzl.Options, yauzl.ZipFile>(yauzl.fromBuffer);

/**
 * Unpacks every entry to count what it really holds: sizes in a zip's directory are claims. What is needed of it,
 * the core properties, is returned.
 */
async function inspect(bytes: Buffer, mostBytes: number): Promise<string> {
  const zip = await fromBuffer(bytes, { lazyEntries: true, validateEntrySizes: true });
  const bomb = new ReadingError(
    'ARCHIVE_BOMB',
    `The file unpacks to more than ${Math.round(mostBytes / 1024 ** 2)} MB.`,
    'Remove large embedded objects, or raise ARCHIVE_MAX_BYTES.',
  );
  let total = 0;
  let core = '';
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      zip.close();
      reject(error);
    };
    zip.on('error', fail);
    zip.on('end', () => resolve(core));
    zip.on('entry', (entry: yauzl.Entry) => {
      if (entry.generalPurposeBitFlag & 1)
        return fail(new ReadingError('ENCRYPTED', 'The document opens only with a password.', 'Save a copy without the password and upload that.'));
      if (total + entry.uncompressedSize > mostBytes) return fail(bomb);
      zip.openReadStream(entry, (error, stream) => {
        if (error) return fail(error);
        const parts: Buffer[] = [];
        stream.on('data', (part: Buffer) => {
          total += part.length;
          if (total > mostBytes) {
            stream.destroy();
            fail(bomb);
          } else if (entry.fileName === 'docProps/core.xml') parts.push(part);
        });
        stream.on('error', fail);
        stream.on('end', () => {
          if (parts.length > 0) core = Buffer.concat(parts).toString();
          zip.readEntry();
        });
      });
    });
    zip.readEntry();
  });
}

function coreProperty(core: string, name: string): string | null {
  const raw = new RegExp(`<${name}(?:\\s[^>]*)?>([^<]*)</${name}>`).exec(core)?.[1];
  if (!raw) return null;
  const { document } = parseHTML(`<p>${raw}</p>`);
  return document.querySelector('p')?.textContent?.normalize('NFKC').trim() || null;
}

/** Word documents by way of mammoth's HTML, which keeps tables and headings. */
export async function readDocx(bytes: Buffer, mostBytes: number): Promise<Reading> {
  if (bytes.subarray(0, 4).equals(Buffer.from([0xd0, 0xcf, 0x11, 0xe0]))) {
    throw new ReadingError('ENCRYPTED', 'The document opens only with a password.', 'Save a copy without the password and upload that.');
  }
  try {
    const core = await inspect(bytes, mostBytes);
    const { value: html } = await mammoth.convertToHtml(
      { buffer: bytes },
      { ignoreEmptyParagraphs: true, convertImage: mammoth.images.imgElement(() => Promise.resolve({ src: '' })) },
    );
    const { document } = parseHTML(`<!doctype html><html><head></head><body>${html}</body></html>`);
    const blocks = blocksOf(document.body as unknown as Element);
    if (blocks.length === 0) throw noText('The document');
    const created = coreProperty(core, 'dcterms:created');
    return {
      blocks,
      facts: {
        title: coreProperty(core, 'dc:title') ?? blocks.find((block) => block.kind === 'heading' && block.level === 1)?.text ?? null,
        author: coreProperty(core, 'dc:creator'),
        pageCount: null,
        publishedAt: created && !Number.isNaN(Date.parse(created)) ? new Date(created).toISOString() : null,
        extraction: null,
      },
    };
  } catch (error) {
    if (error instanceof ReadingError) throw error;
    throw corrupt('The document', error instanceof Error ? error.message : String(error));
  }
}
