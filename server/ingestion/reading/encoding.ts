import chardet from 'chardet';

const bomEncodings: [number[], string][] = [
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0xff, 0xfe], 'utf-16le'],
  [[0xfe, 0xff], 'utf-16be'],
];
const sampleBytes = 64 * 1024;

function decodes(bytes: Uint8Array, encoding: string): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Share of characters that Japanese or Western text is made of. */
function plausibility(text: string): number {
  const sample = text.slice(0, 4000);
  const good = sample.match(/[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}\x20-\x7e\r\n\t\u3000-\u303f\uff00-\uffef\u00a0-\u017f]/gu)?.length ?? 0;
  return sample.length === 0 ? 0 : good / Array.from(sample).length;
}

/** UTF-16 without a byte order mark: zero bytes or line breaks at one parity, which no 8-bit text has. */
function utf16WithoutBom(bytes: Uint8Array): string | null {
  if (bytes.length < 4 || bytes.length % 2 !== 0) return null;
  const sample = bytes.subarray(0, sampleBytes);
  let even = 0;
  let odd = 0;
  for (let i = 0; i + 1 < sample.length; i += 2) {
    if (sample[i] === 0) even += 1;
    if (sample[i + 1] === 0) odd += 1;
  }
  if (even + odd === 0) return null;
  const encoding = odd > even ? 'utf-16le' : 'utf-16be';
  const text = decodes(bytes, encoding);
  return text !== null && plausibility(text) > 0.9 ? text : null;
}

/** Names `chardet` uses beside those of the Encoding Standard. */
const standardName: Record<string, string> = { 'ISO-8859-1': 'windows-1252', ASCII: 'utf-8' };

/**
 * Decodes text of unknown encoding: byte order mark, UTF-8, a declared encoding, then detection, where a candidate
 * counts only if every byte fits it. Shift_JIS, EUC-JP, ISO-2022-JP and UTF-16 among others.
 */
export function decodeText(bytes: Uint8Array, declared: string | null = null): { text: string; encoding: string } {
  for (const [bom, encoding] of bomEncodings) {
    if (bom.every((byte, index) => bytes[index] === byte)) return { text: new TextDecoder(encoding).decode(bytes), encoding };
  }
  const utf16 = utf16WithoutBom(bytes);
  if (utf16 !== null) return { text: utf16, encoding: 'utf-16' };
  const isIso2022 = bytes.subarray(0, sampleBytes).includes(0x1b);
  const utf8 = isIso2022 ? null : decodes(bytes, 'utf-8');
  if (utf8 !== null) return { text: utf8, encoding: 'utf-8' };
  const detected = chardet.analyse(bytes.subarray(0, sampleBytes)).map((match) => standardName[match.name] ?? match.name);
  const candidates = [...(declared ? [declared] : []), ...detected.slice(0, 5), 'shift_jis', 'euc-jp', 'iso-2022-jp'];
  let best: { text: string; encoding: string; score: number } | null = null;
  for (const [rank, encoding] of candidates.entries()) {
    let text: string | null;
    try {
      text = decodes(bytes, encoding);
    } catch {
      continue; // An encoding this platform does not know.
    }
    if (text === null) continue;
    const score = plausibility(text) - rank * 0.001;
    if (!best || score > best.score) best = { text, encoding, score };
  }
  return best ?? { text: new TextDecoder('utf-8').decode(bytes), encoding: 'utf-8' };
}

/** The charset an HTML page declares in its first kilobytes. https://html.spec.whatwg.org/#prescan-a-byte-stream-to-determine-its-encoding */
export function declaredCharset(bytes: Uint8Array): string | null {
  const head = Buffer.from(bytes.subarray(0, 4096)).toString('latin1');
  const declared = /<meta[^>]+charset\s*=\s*["']?\s*([\w:.-]+)/i.exec(head)?.[1] ?? /^<\?xml[^>]+encoding\s*=\s*["']([\w:.-]+)/i.exec(head)?.[1];
  if (!declared) return null;
  try {
    return new TextDecoder(declared).encoding;
  } catch {
    return null;
  }
}
