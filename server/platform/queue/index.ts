export { JobEntity, type JobState } from './job.entity.js';
export { type JobContext, JobFailed, type JobHandler, type JobInput, JobQueue } from './job-queue.js';
