import { createHash } from 'node:crypto';

/** What the model reads of a chunk: title and headings tell it what the passage alone does not say. */
export function passageText(title: string, headingPath: string[], text: string): string {
  const path = [title, ...headingPath.filter((heading) => heading !== title)].filter(Boolean).join(' › ');
  return path ? `${path}\n${text}` : text;
}

/** Name of such a text, by which its vector is found again. */
export const passageHash = (text: string) => createHash('sha256').update(text).digest('hex');
