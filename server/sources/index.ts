export { ReadingRefused } from './refusal.js';
export { WebFetcher, type WebPage } from './web-fetcher.js';
