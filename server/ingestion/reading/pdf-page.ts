/** The parts of a pdf.js page that pdf-parse's own text does not use. */
export interface PdfPage {
  getAnnotations(): Promise<PdfAnnotation[]>;
  getTextContent(): Promise<{ items: { fontName?: string }[] }>;
  getOperatorList(): Promise<unknown>;
  commonObjs: { has(name: string): boolean; get(name: string): { differences?: (string | null)[] } };
}

interface PdfAnnotation {
  subtype: string;
  fieldType?: string;
  fieldValue?: unknown;
  hidden?: boolean;
  password?: boolean;
  options?: { displayValue?: string }[];
  combo?: boolean;
}

/** What is filled in: text fields, choices made, and the entries of lists that show them all. */
export async function formText(page: PdfPage): Promise<string[]> {
  const found: string[] = [];
  for (const field of await page.getAnnotations()) {
    if (field.subtype !== 'Widget' || field.hidden || field.password) continue;
    if (field.fieldType === 'Ch' && !field.combo) found.push(...(field.options ?? []).map(({ displayValue }) => displayValue ?? ''));
    else if (field.fieldType === 'Tx' || field.fieldType === 'Ch') found.push(...[field.fieldValue].flat().filter((value) => typeof value === 'string'));
  }
  return found.map((value) => value.trim()).filter(Boolean);
}

const c1Controls = /[\u0080-\u009f]/g;
const digits = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

/**
 * A glyph's character by its name without the suffix that tells its form: `five.os` is an old-style 5.
 * https://github.com/adobe-type-tools/agl-specification section 2
 */
function characterOf(glyphName: string): string | null {
  const base = glyphName.split('.')[0] ?? '';
  const digit = digits.indexOf(base);
  if (digit >= 0) return String(digit);
  return base.length === 1 ? base : null;
}

/** pdf.js gives glyphs whose names it does not know as control characters: the fonts of the page tell what they are. */
export async function repairGlyphs(page: PdfPage, text: string): Promise<string> {
  if (text.search(c1Controls) < 0) return text;
  const known = new Map<string, string>();
  await page.getOperatorList();
  const { items } = await page.getTextContent();
  for (const name of new Set(items.flatMap(({ fontName }) => fontName ?? []))) {
    if (!page.commonObjs.has(name)) continue;
    page.commonObjs.get(name).differences?.forEach((glyphName, code) => {
      const character = code >= 0x80 && code <= 0x9f && glyphName ? characterOf(glyphName) : null;
      if (character) known.set(String.fromCharCode(code), character);
    });
  }
  return text.replace(c1Controls, (control) => known.get(control) ?? control);
}
