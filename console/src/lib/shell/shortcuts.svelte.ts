import { goto } from '$app/navigation';

const chordMs = 1200;

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));
}

/**
 * Keys that work on every page: `/` search, `g d` documents, `g s` search page, `g o` overview, `g j` jobs,
 * `g h` health, `?` help, and Ctrl or ⌘ with K the palette of commands.
 */
class Shortcuts {
  helpOpen = $state(false);
  healthOpen = $state(false);
  paletteOpen = $state(false);
  #goAt = 0;

  handle(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      this.paletteOpen = !this.paletteOpen;
      event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const isSecond = event.timeStamp - this.#goAt < chordMs;
    this.#goAt = 0;
    if (isSecond && event.key === 'd') void goto('/documents');
    else if (isSecond && event.key === 's') void goto('/');
    else if (isSecond && event.key === 'o') void goto('/overview');
    else if (isSecond && event.key === 'j') void goto('/jobs');
    else if (isSecond && event.key === 'h') this.healthOpen = true;
    else if (event.key === 'g') this.#goAt = event.timeStamp;
    else if (event.key === '?') this.helpOpen = true;
    else if (event.key === '/') (document.getElementById('search') ?? document.getElementById('quick-search'))?.focus();
    else return;
    event.preventDefault();
  }
}

export const shortcuts = new Shortcuts();
