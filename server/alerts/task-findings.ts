import { say, type Saying } from '../platform/saying.js';
import { type Finding } from './alerts.service.js';

interface TaskOutcome {
  task: string;
  error: Saying | null;
  result: Record<string, unknown> | null;
}

const runAgain = { en: 'Look at its job, mend the cause and run it again.', ja: 'ジョブの内容を確認し、原因を取り除いてからもう一度実行してください。' };

/** What the end of a maintenance task says about the system. */
export function findingsOf({ task, error, result }: TaskOutcome): Finding[] {
  const own: Finding = {
    rule: `task:${task}`,
    level: error === null ? 'NORMAL' : 'WARNING',
    message: { en: `The task ${task} failed: ${say(error ?? '')}`, ja: `タスク ${task} が失敗しました: ${say(error ?? '', 'ja')}` },
    remedy: runAgain,
  };
  const differences = task === 'VERIFY_DATA' ? result?.['found'] : task === 'REPAIR_DATA' && result?.['dryRun'] !== true ? result?.['left'] : undefined;
  if (typeof differences !== 'number') return [own];
  const data: Finding = {
    rule: 'data',
    level: differences > 0 ? 'WARNING' : 'NORMAL',
    message: { en: `The stores differ in ${differences} ${differences === 1 ? 'place' : 'places'}.`, ja: `保存先どうしの相違が ${differences} 件あります。` },
    value: differences,
    remedy: { en: 'Run REPAIR_DATA; what it leaves is named in its result.', ja: 'REPAIR_DATA を実行してください。残ったものは結果に示されます。' },
  };
  return [own, data];
}

/** What the end of a backup, or of its copy, says. */
export function backupFinding({ rule, error }: { rule: string; error: Saying | null }): Finding {
  const isCopy = rule === 'backup_copy';
  const level = error === null ? 'NORMAL' : isCopy ? 'WARNING' : 'CRITICAL';
  const kind = rule.slice(rule.indexOf(':') + 1);
  const what = isCopy
    ? { en: 'A backup could not be copied away', ja: 'バックアップを外部に複製できませんでした' }
    : { en: `A backup (${kind}) failed`, ja: `バックアップ（${kind}）が失敗しました` };
  return { rule, level, message: { en: `${what.en}: ${say(error ?? '')}`, ja: `${what.ja}: ${say(error ?? '', 'ja')}` }, remedy: runAgain };
}

/** What the end of a scheduled run says. */
export function scheduleFinding({ schedule, error }: { schedule: string; error: Saying | null }): Finding {
  return {
    rule: `schedule:${schedule}`,
    level: error === null ? 'NORMAL' : 'WARNING',
    message: { en: `A scheduled run failed: ${say(error ?? '')}`, ja: `定期実行が失敗しました: ${say(error ?? '', 'ja')}` },
    remedy: runAgain,
  };
}
