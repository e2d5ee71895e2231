export { Journal, SystemEventKind } from './journal.js';
export { JournalResolver } from './journal.resolver.js';
