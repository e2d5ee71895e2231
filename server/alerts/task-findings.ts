import { type Finding } from './alerts.service.js';

interface TaskOutcome {
  task: string;
  error: string | null;
  result: Record<string, unknown> | null;
}

/** What the end of a maintenance task says about the system. */
export function findingsOf({ task, error, result }: TaskOutcome): Finding[] {
  const own: Finding = {
    rule: `task:${task}`,
    level: error === null ? 'NORMAL' : 'WARNING',
    message: `The task ${task} failed: ${error ?? ''}`,
    remedy: 'Look at its job, mend the cause and run it again.',
  };
  const differences = task === 'VERIFY_DATA' ? result?.['found'] : task === 'REPAIR_DATA' && result?.['dryRun'] !== true ? result?.['left'] : undefined;
  if (typeof differences !== 'number') return [own];
  const data: Finding = {
    rule: 'data',
    level: differences > 0 ? 'WARNING' : 'NORMAL',
    message: `The stores differ in ${differences} places.`,
    value: differences,
    remedy: 'Run REPAIR_DATA; what it leaves is named in its result.',
  };
  return [own, data];
}

/** What the end of a backup, or of its copy, says. */
export function backupFinding({ rule, error }: { rule: string; error: string | null }): Finding {
  const isCopy = rule === 'backup_copy';
  const level = error === null ? 'NORMAL' : isCopy ? 'WARNING' : 'CRITICAL';
  const what = isCopy ? 'A backup could not be copied away' : `A backup (${rule.slice(rule.indexOf(':') + 1)}) failed`;
  return { rule, level, message: `${what}: ${error ?? ''}`, remedy: 'Look at its job, mend the cause and save again.' };
}
