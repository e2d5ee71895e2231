import { Between, type SelectQueryBuilder } from 'typeorm';
import { type Database } from '../platform/database/index.js';
import { type Connection } from '../platform/http/graphql-types.js';
import { newestFirst } from '../platform/http/index.js';
import { AlertEntity } from './alert.entity.js';

export type AlertState = 'ACTIVE' | 'ACKNOWLEDGED' | 'RESOLVED';

export interface AlertCriteria {
  states?: AlertState[] | null;
  rules?: string[] | null;
}

export const stateOf = (alert: AlertEntity): AlertState => (alert.resolvedAt ? 'RESOLVED' : alert.acknowledgedAt ? 'ACKNOWLEDGED' : 'ACTIVE');

/** Alerts as they are kept: open ones and those that are over. */
export class KeptAlerts {
  constructor(private readonly database: Database) {}

  raisedBetween(from: Date, to: Date): Promise<number> {
    return this.database.read.countBy(AlertEntity, { raisedAt: Between(from, to) });
  }

  list(first: number, after: string | null, criteria: AlertCriteria): Promise<Connection<AlertEntity>> {
    return newestFirst(() => this.#filtered(criteria), { column: 'raisedAt', of: ({ raisedAt }) => raisedAt }, first, after);
  }

  #filtered({ states, rules }: AlertCriteria): SelectQueryBuilder<AlertEntity> {
    const query = this.database.read.createQueryBuilder(AlertEntity, 'alert').where('1 = 1');
    if (states) {
      const conditions: Record<AlertState, string> = {
        ACTIVE: '(alert.resolvedAt IS NULL AND alert.acknowledgedAt IS NULL)',
        ACKNOWLEDGED: '(alert.resolvedAt IS NULL AND alert.acknowledgedAt IS NOT NULL)',
        RESOLVED: 'alert.resolvedAt IS NOT NULL',
      };
      query.andWhere(states.length > 0 ? `(${states.map((state) => conditions[state]).join(' OR ')})` : '1 = 0');
    }
    if (rules) query.andWhere(rules.length > 0 ? 'alert.rule IN (:...rules)' : '1 = 0', { rules });
    return query;
  }
}
