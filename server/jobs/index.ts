export { JobType, jobView } from './job.type.js';
export { JobsResolver } from './jobs.resolver.js';
export { JobsService, type JobTopics } from './jobs.service.js';
