import { fileTypeFromFile } from 'file-type';
import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { decodeText } from './reading/encoding.js';

export const mimeTypes = {
  pdf: 'application/pdf',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  html: 'text/html',
  markdown: 'text/markdown',
  text: 'text/plain',
} as const;
export type Format = keyof typeof mimeTypes;

export function formatOf(mimeType: string): Format {
  const found = Object.entries(mimeTypes).find(([, mime]) => mime === mimeType);
  return (found?.[0] as Format | undefined) ?? 'text';
}

const textExtensions: Record<string, Format> = {
  '.md': 'markdown',
  '.markdown': 'markdown',
  '.mdx': 'markdown',
  '.html': 'html',
  '.htm': 'html',
  '.xhtml': 'html',
  '.txt': 'text',
  '.text': 'text',
  '.log': 'text',
  '.csv': 'text',
  '.tsv': 'text',
};
const sniffBytes = 4096;
/** UTF-16LE, as the directory of an OLE file spells it: Word's container for documents with a password. */
const encryptedPackage = Buffer.from('EncryptedPackage', 'utf16le');

const unicodeMarks = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff]), Buffer.from([0xef, 0xbb, 0xbf])];

async function firstBytes(path: string, length: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Text has hardly any control characters; what decodes to many of them is some other program's data. */
function looksLikeText(bytes: Buffer): boolean {
  const { text } = decodeText(bytes.length % 2 === 0 ? bytes : bytes.subarray(0, -1));
  // eslint-disable-next-line no-control-regex -- control characters are what is counted
  const controls = text.match(/[\u0000-\u0008\u000e-\u001a\u001c-\u001f\ufffd]/g)?.length ?? 0;
  return controls <= text.length * 0.02;
}

/**
 * Format of a file by its content: magic bytes beat any name; among text formats the extension decides, then the
 * content.
 * @returns null for a format that cannot be read
 */
export async function detectFormat(path: string, fileName: string): Promise<Format | null> {
  const head = await firstBytes(path, sniffBytes);
  const extension = extname(fileName).toLowerCase();
  // Some producers put a few bytes before the header; readers accept it within the first kilobyte.
  if (head.subarray(0, 1024).includes('%PDF-')) return 'pdf';
  if (head.subarray(0, 4).equals(Buffer.from([0xd0, 0xcf, 0x11, 0xe0]))) {
    const whole = await firstBytes(path, 1024 * 1024);
    return whole.includes(encryptedPackage) ? 'docx' : null;
  }
  // A byte order mark looks like the start of an MPEG stream.
  const isUnicode = unicodeMarks.some((mark) => head.subarray(0, mark.length).equals(mark));
  const type = isUnicode ? undefined : await fileTypeFromFile(path).catch(() => undefined);
  if (type?.mime === mimeTypes.docx) return 'docx';
  if (head.subarray(0, 2).equals(Buffer.from('PK'))) return extension === '.docx' ? 'docx' : null;
  if (extension === '.pdf' && head.subarray(0, 1024).includes('%PDF')) return 'pdf';
  const start = head.toString('latin1').trimStart().toLowerCase();
  const isHtml = start.startsWith('<!doctype html') || /^(<\?xml[^>]*>\s*)?(<!--[\s\S]*?-->\s*)*(<!doctype html|<html[\s>])/.test(start);
  if (type && !(isHtml && type.mime.endsWith('xml'))) return null;
  if (start.startsWith('{\\rtf')) return null;
  if (!looksLikeText(head)) return null;
  const byName = textExtensions[extension];
  if (byName) return byName;
  if (isHtml) return 'html';
  return /^<\?xml|^<rss|^<feed/.test(start) ? null : 'text';
}

/**
 * The media type of a file that is kept under another one; null where the one it has may stand. A quick look at the
 * first bytes tells whether the whole file is worth one.
 */
export async function otherMimeType(mimeType: string, file: { path: string; head: Buffer; name: string }): Promise<string | null> {
  const isZip = file.head.subarray(0, 2).equals(Buffer.from('PK')) || file.head.subarray(0, 2).equals(Buffer.from([0xd0, 0xcf]));
  const isPdf = file.head.subarray(0, 1024).includes('%PDF');
  const quick = isPdf ? 'pdf' : isZip ? 'docx' : textExtensions[extname(file.name).toLowerCase()];
  const isBinary = mimeType === mimeTypes.pdf || mimeType === mimeTypes.docx;
  if (quick ? mimeTypes[quick] === mimeType : !isBinary && Object.values<string>(mimeTypes).includes(mimeType)) return null;
  const format = await detectFormat(file.path, file.name);
  return format && mimeTypes[format] !== mimeType ? mimeTypes[format] : null;
}
