import { type Block } from './blocks.js';

const skipped = new Set(['SCRIPT', 'STYLE', 'NOSCRIPT', 'TEMPLATE', 'SVG', 'HEAD', 'IFRAME', 'OBJECT', 'BUTTON', 'SELECT']);
const inline = new Set([
  'A',
  'ABBR',
  'B',
  'BDI',
  'BDO',
  'CITE',
  'CODE',
  'DATA',
  'DEL',
  'DFN',
  'EM',
  'FONT',
  'I',
  'INS',
  'KBD',
  'LABEL',
  'MARK',
  'Q',
  'RP',
  'RT',
  'RUBY',
  'S',
  'SAMP',
  'SMALL',
  'SPAN',
  'STRIKE',
  'STRONG',
  'SUB',
  'SUP',
  'TIME',
  'TT',
  'U',
  'VAR',
  'WBR',
  'IMG',
  'BIG',
  'ACRONYM',
  'NOBR',
]);
/** Units that stay together with line breaks inside. */
const lines = new Set(['LI', 'TR', 'DT', 'DD']);

/** Walks HTML into headings and text blocks: a list or a table is one block, its items or rows are lines. */
export function blocksOf(root: Element): Block[] {
  const blocks: Block[] = [];
  let buffer = '';
  const flush = () => {
    if (buffer.trim() !== '') blocks.push({ kind: 'text', level: 0, text: buffer, page: null });
    buffer = '';
  };
  const walk = (node: Node, preformatted: boolean, within: boolean): void => {
    if (node.nodeType === 3) {
      const text = node.textContent ?? '';
      buffer += preformatted ? text : text.replace(/\s+/g, ' ');
      return;
    }
    if (node.nodeType !== 1) return;
    const element = node as Element;
    const name = element.tagName.toUpperCase();
    if (skipped.has(name) || element.hasAttribute('hidden')) return;
    if (name === 'BR') {
      buffer += '\n';
      return;
    }
    const children = (keep: boolean) => {
      for (const child of Array.from(element.childNodes)) walk(child, preformatted || name === 'PRE', keep);
    };
    const heading = /^H([1-6])$/.exec(name);
    if (heading) {
      flush();
      const text = (element.textContent ?? '').replace(/\s+/g, ' ').trim();
      if (text) blocks.push({ kind: 'heading', level: Number(heading[1]), text, page: null });
      return;
    }
    if (inline.has(name)) return children(within);
    if (name === 'TD' || name === 'TH') {
      if (buffer !== '' && !buffer.endsWith('\n')) buffer += '\t';
      return children(true);
    }
    if (lines.has(name)) {
      if (!buffer.endsWith('\n')) buffer += '\n';
      children(true);
      buffer += '\n';
      return;
    }
    if (name === 'UL' || name === 'OL' || name === 'TABLE' || name === 'DL') {
      if (!within) flush();
      children(true);
      if (!within) flush();
      return;
    }
    if (within) {
      if (!buffer.endsWith('\n')) buffer += ' ';
      return children(true);
    }
    flush();
    children(false);
    flush();
  };
  walk(root, false, false);
  flush();
  return blocks;
}
