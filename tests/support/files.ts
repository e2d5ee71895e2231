import JSZip from 'jszip';
import PDFDocument from 'pdfkit';

/** A PDF with a paragraph on each page. */
export function pdf(pages: string[], options: PDFKit.PDFDocumentOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve) => {
    const document = new PDFDocument({ autoFirstPage: false, ...options });
    const parts: Buffer[] = [];
    document.on('data', (part: Buffer) => parts.push(part));
    document.on('end', () => resolve(Uint8Array.from(Buffer.concat(parts))));
    for (const text of pages) {
      document.addPage();
      if (text) document.fontSize(12).text(text);
      // What a scanner leaves: ink without characters.
      else document.rect(100, 100, 200, 300).fill('#888888');
    }
    document.end();
  });
}

const contentTypes = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`;
const relations = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`;

/** A Word document with the paragraphs given, and further entries in its archive. */
export async function docx(paragraphs: string[], entries: Record<string, Uint8Array> = {}): Promise<Uint8Array<ArrayBuffer>> {
  const zip = new JSZip();
  const body = paragraphs.map((text) => `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`).join('');
  zip.file('[Content_Types].xml', contentTypes);
  zip.file('_rels/.rels', relations);
  zip.file(
    'word/document.xml',
    `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${body}</w:body></w:document>`,
  );
  for (const [name, content] of Object.entries(entries)) zip.file(name, content);
  return Uint8Array.from(await zip.generateAsync({ type: 'uint8array', compression: 'DEFLATE' }));
}
