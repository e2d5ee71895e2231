import { type Language } from '../platform/saying.js';
import { type Notification } from './notifier.js';

const words = {
  en: {
    resolved: 'Resolved',
    WARNING: 'WARNING',
    CRITICAL: 'CRITICAL',
    rule: 'Rule',
    since: 'Since',
    until: 'Until',
    test: 'Test of the notifications',
    testText: 'Alerts will reach you by this address.',
  },
  ja: {
    resolved: '解消',
    WARNING: '警告',
    CRITICAL: '危険',
    rule: '監視項目',
    since: '発生',
    until: '解消',
    test: '通知の試験送信',
    testText: 'アラートはこの宛先に届きます。',
  },
} satisfies Record<Language, Record<string, string>>;

/** A notification as a mail. */
export function mailOf({ event, alert }: Notification, language: Language): { subject: string; text: string } {
  const said = words[language];
  const subject = alert ? `${event === 'resolved' ? said.resolved : said[alert.severity]}: ${alert.message}` : said.test;
  const lines = alert
    ? [
        alert.message,
        ...(alert.remedy ? ['', alert.remedy] : []),
        '',
        `${said.rule}: ${alert.rule}`,
        `${said.since}: ${alert.raisedAt.toISOString()}`,
        ...(alert.resolvedAt ? [`${said.until}: ${alert.resolvedAt.toISOString()}`] : []),
      ]
    : [said.testText];
  return { subject: `[ERPFTS] ${subject.replace(/\s+/g, ' ').slice(0, 190)}`, text: lines.join('\n') };
}
