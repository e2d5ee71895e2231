import { type OverviewQuery } from '$lib/gql/graphql';
import { alertText, ruleLabel } from '$lib/alerts/labels';
import { jobLabel, jobStatusLabel } from '$lib/jobs/labels';
import { subjectOf } from '$lib/jobs/steps';
import { m } from '$lib/paraglide/messages';

export interface TimelineEvent {
  at: string;
  tone: 'good' | 'warn' | 'bad' | 'none';
  title: string;
  text: string;
  href: string;
  key: string;
}

/** What happened since, newest first. */
export function timelineOf({ recentAlerts, recentJobs }: OverviewQuery, since: Date): TimelineEvent[] {
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
  return [...alerts, ...jobs].filter(({ at }) => new Date(at) >= since).sort((a, b) => b.at.localeCompare(a.at));
}
