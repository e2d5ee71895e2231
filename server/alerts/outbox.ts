import { randomUUID } from 'node:crypto';
import { type QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import { type Database } from '../platform/database/index.js';
import { PendingNotificationEntity } from './notification.entity.js';
import { type Notification } from './notifier.js';

/** What nobody needs to be told of any more, such as what a restored backup had still to tell. */
const staleMs = 24 * 3_600_000;

export interface Pending {
  id: string;
  channel: string;
  notification: Notification;
}

/** Notifications until they have been delivered or given up: a restart loses none. */
export class Outbox {
  constructor(private readonly database: Database) {}

  async keep(channel: string, notification: Notification): Promise<string> {
    const entry = { id: randomUUID(), channel, notification, createdAt: new Date() };
    // The open type of a JSON column is beyond TypeORM's partial type.
    await this.database.write((tx) => tx.insert(PendingNotificationEntity, entry as unknown as QueryDeepPartialEntity<PendingNotificationEntity>));
    return entry.id;
  }

  async drop(id: string): Promise<void> {
    await this.database.write((tx) => tx.delete(PendingNotificationEntity, { id }));
  }

  /** What an earlier run had still to tell, oldest first. */
  async left(): Promise<Pending[]> {
    const entries = await this.database.read.find(PendingNotificationEntity, { order: { createdAt: 'ASC', id: 'ASC' } });
    const since = Date.now() - staleMs;
    for (const { id, createdAt } of entries) if (createdAt.getTime() < since) await this.drop(id);
    return entries
      .filter(({ createdAt }) => createdAt.getTime() >= since)
      .map(({ id, channel, notification }) => ({ id, channel, notification: revived(notification) }));
  }
}

/** JSON has no dates. */
function revived(stored: Record<string, unknown>): Notification {
  const { event, alert } = stored as unknown as Notification;
  const date = (value: Date | null) => value && new Date(value);
  return { event, alert: alert && { ...alert, raisedAt: date(alert.raisedAt)!, resolvedAt: date(alert.resolvedAt) } };
}
