export { Heartbeat } from './heartbeat.js';
export { newJob, type JobContext, JobFailed, type JobHandler, type JobInput } from './job.js';
export { type JobLogLine, JobEntity, type JobState } from './job.entity.js';
export { JobQueue } from './job-queue.js';
export { openTurns } from './open-turns.js';
