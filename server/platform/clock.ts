/** What time it is. Whoever judges by the time of day, or by how long something lasts, asks this, so that a week can be lived through in minutes. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };
