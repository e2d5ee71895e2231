export { AlertEntity } from './alert.entity.js';
export { AlertsResolver, NotificationDeliveryResolver } from './alerts.resolver.js';
export { AlertsService, type AlertTopics } from './alerts.service.js';
export { backupFinding, findingsOf, scheduleFinding } from './task-findings.js';
export { PendingNotificationEntity } from './notification.entity.js';
export { Outbox } from './outbox.js';
export { Notifier } from './notifier.js';
export { thresholds } from './thresholds.js';
