import { detect } from 'tinyld';

/** Language of a text as ISO 639-1: Japanese by its kana, others by tinyld; null where there is too little to tell. */
export function languageOf(text: string): string | null {
  const sample = text.slice(0, 20_000);
  const letters = sample.match(/\p{Letter}/gu)?.length ?? 0;
  if (letters < 2) return null;
  const kana = sample.match(/[\p{Script=Hiragana}\p{Script=Katakana}]/gu)?.length ?? 0;
  if (kana / letters > 0.05) return 'ja';
  const han = sample.match(/\p{Script=Han}/gu)?.length ?? 0;
  if (han / letters > 0.3) return han === letters && letters < 200 ? 'ja' : 'zh';
  if (letters < 8) return null;
  return detect(sample.slice(0, 5000)) || null;
}
