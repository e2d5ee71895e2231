import { type OverviewQuery, type SystemEventKind } from '$lib/gql/graphql';
import { alertText, ruleLabel } from '$lib/alerts/labels';
import { jobLabel, jobStatusLabel } from '$lib/jobs/labels';
import { subjectOf } from '$lib/jobs/steps';
import { logsAround } from '$lib/logs/time';
import { m } from '$lib/paraglide/messages';

export interface TimelineEvent {
  at: string;
  tone: 'good' | 'warn' | 'bad' | 'none';
  title: string;
  text: string;
  href: string;
  key: string;
}

const happenings: Record<SystemEventKind, { tone: TimelineEvent['tone']; title: () => string; href?: string }> = {
  STARTED: { tone: 'none', title: m.event_started },
  STARTED_AFTER_CRASH: { tone: 'bad', title: m.event_started_after_crash },
  STOPPED: { tone: 'none', title: m.event_stopped },
  SETTINGS_CHANGED: { tone: 'none', title: m.event_settings_changed, href: '/settings' },
  MAINTENANCE_BEGAN: { tone: 'warn', title: m.event_maintenance_began, href: '/maintenance' },
  MAINTENANCE_ENDED: { tone: 'good', title: m.event_maintenance_ended, href: '/maintenance' },
};

/** What happened since, newest first. */
export function timelineOf({ recentAlerts, recentJobs, systemEvents }: OverviewQuery, since: Date): TimelineEvent[] {
  const alerts = recentAlerts.edges.flatMap(({ node }): TimelineEvent[] => {
    const about = { title: ruleLabel(node.rule), href: '/alerts?show=all' };
    return [
      { ...about, at: node.raisedAt, tone: node.severity === 'CRITICAL' ? 'bad' : 'warn', text: alertText(node), key: `${node.id} raised` },
      ...(node.resolvedAt ? [{ ...about, at: node.resolvedAt, tone: 'good' as const, text: m.alert_resolved(), key: `${node.id} resolved` }] : []),
    ];
  });
  const jobs = recentJobs.edges.map(({ node }): TimelineEvent => ({
    at: node.finishedAt ?? node.createdAt,
    tone: node.status === 'FAILED' ? 'bad' : 'none',
    title: subjectOf(node) || jobLabel(node.kind),
    text: jobStatusLabel(node.status),
    href: '/jobs',
    key: node.id,
  }));
  const system = systemEvents.map(({ id, at, kind, by, detail }): TimelineEvent => {
    const { tone, title, href = logsAround(at) } = happenings[kind];
    const text = [detail, by === 'system' ? null : m.event_by({ name: by })].filter(Boolean).join(' – ');
    return { at, tone, title: title(), text, href, key: `system ${id}` };
  });
  return [...alerts, ...jobs, ...system].filter(({ at }) => new Date(at) >= since).sort((a, b) => b.at.localeCompare(a.at));
}
