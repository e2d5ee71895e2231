/** Calls again and again while the page can be seen, for what no event tells of. @returns ends it */
export function every(ms: number, work: () => void): () => void {
  const timer = setInterval(() => {
    if (document.visibilityState === 'visible') work();
  }, ms);
  return () => clearInterval(timer);
}
