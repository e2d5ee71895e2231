import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot, settingNames } from '../../server/config/index.js';

/** The environment without the product's own settings, so that a developer's shell changes no test. */
export function cleanEnvironment(): Record<string, string> {
  const own = new Set<string>(settingNames);
  return Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined && !own.has(entry[0])));
}

/** Where the evaluation data lies: EVAL_DATA_DIR, or beside the repository. */
export const evaluationData = process.env['EVAL_DATA_DIR'] ?? join(packageRoot, '..', 'shared', 'data');
export const hasEvaluationData = existsSync(join(evaluationData, 'retrieval'));
export const isCi = process.env['CI'] === 'true';

/** Says aloud that something is not tested here, and why. */
export function notice(text: string): void {
  process.stderr.write(`\nNOTICE: ${text}\n`);
}
