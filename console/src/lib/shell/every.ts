import { live } from './live.svelte';

/** Calls again and again while the page can be seen and the server is there, for what no event tells of. @returns ends it */
export function every(ms: number, work: () => void): () => void {
  const timer = setInterval(() => {
    // A server that is away is told of already; an error beside that would outlive its return.
    if (document.visibilityState === 'visible' && live.connection === 'live') work();
  }, ms);
  return () => clearInterval(timer);
}
