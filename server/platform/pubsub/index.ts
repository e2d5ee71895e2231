export { latestValues, type LatestOptions, PubSub } from './pubsub.js';
