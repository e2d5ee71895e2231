import { backupKindLabels } from '$lib/backups/labels';
import { type AlertRowFragment, type AlertSeverity, type BackupKind, type MaintenanceTask } from '$lib/gql/graphql';
import { scheduleLabel } from '$lib/jobs/steps';
import { taskNames } from '$lib/maintenance/tasks';
import { m } from '$lib/paraglide/messages';
import { componentLabel, healthMessage, healthRemedy } from '$lib/shell/health-labels';
import { live } from '$lib/shell/live.svelte';
import { locale } from '$lib/shell/locale.svelte';
import { formatMs, formatNumber, formatPercent } from '$lib/ui/format';

const rules: Record<string, () => string> = {
  cpu: m.rule_cpu,
  memory: m.rule_memory,
  response_time: m.rule_response_time,
  error_rate: m.rule_error_rate,
  disk: m.rule_disk,
  data: m.rule_data,
  backup_copy: m.rule_backup_copy,
};

/** What a rule watches, in the reader's language. */
export function ruleLabel(rule: string): string {
  const [kind, name = ''] = rule.split(':');
  if (kind === 'health') return componentLabel(name);
  if (kind === 'backup') return m.rule_backup({ kind: backupKindLabels[name as BackupKind]?.() ?? name });
  if (kind === 'task') return m.rule_task({ task: taskNames[name as MaintenanceTask]?.name() ?? name });
  if (kind === 'schedule') return m.rule_schedule({ name: scheduleLabel(name) });
  return rules[rule]?.() ?? rule;
}

const severities: Record<AlertSeverity, () => string> = { WARNING: m.severity_warning, CRITICAL: m.severity_critical };
export const severityLabel = (severity: AlertSeverity) => severities[severity]();

const remedies: Record<string, () => string> = {
  cpu: m.remedy_rule_cpu,
  memory: m.remedy_rule_memory,
  response_time: m.remedy_rule_response_time,
  error_rate: m.remedy_rule_error_rate,
  disk: m.remedy_rule_disk,
  task: m.remedy_rule_task,
  schedule: m.remedy_rule_task,
  data: m.remedy_rule_data,
  backup: m.remedy_rule_backup,
  backup_copy: m.remedy_rule_backup,
};

/** What to do, in the reader's language where the rule has words of ours. */
export const alertRemedy = ({ rule, ...told }: Pick<AlertRowFragment, 'rule' | 'remedy' | 'remedyJa'>): string | null => {
  const remedy = locale.current === 'ja' ? told.remedyJa : told.remedy;
  const part = illPart(rule);
  return remedies[rule.split(':')[0]!]?.() ?? ((part && healthRemedy(part)) || remedy || null);
};

/** The part of the system that a rule is about, where it is not well now. */
function illPart(rule: string) {
  const [kind, name] = rule.split(':');
  return kind === 'health' ? live.health?.components.find((part) => part.name === name && part.status !== 'HEALTHY') : undefined;
}

/** Rules whose message ends with the error of a job. */
const ofJobs = ['task', 'schedule', 'backup', 'backup_copy'];

/** A value of a threshold's rule, in its unit. */
export function formatRuleValue(rule: string, value: number): string {
  if (rule !== 'response_time') return formatPercent(value);
  return value < 1000 ? formatMs(value) : formatNumber(value / 1000, { style: 'unit', unit: 'second', unitDisplay: 'short', maximumFractionDigits: 1 });
}

/** What has happened; the server's own words where the rule has none of ours. */
export function alertText({
  rule,
  state,
  value,
  threshold,
  ...told
}: Pick<AlertRowFragment, 'rule' | 'state' | 'value' | 'threshold' | 'message' | 'messageJa'>): string {
  const message = locale.current === 'ja' ? told.messageJa : told.message;
  if (rule === 'data' && value != null) return m.alert_data({ count: formatNumber(value) });
  if (rules[rule] && value != null && threshold != null)
    return m.alert_threshold({ value: formatRuleValue(rule, value), threshold: formatRuleValue(rule, threshold) });
  const part = illPart(rule);
  if (part && state !== 'RESOLVED') return healthMessage(part);
  if (ofJobs.includes(rule.split(':')[0]!) && message.includes(': ')) return m.alert_failed({ error: message.slice(message.indexOf(': ') + 2) });
  return message;
}
