import { getLocale, type Locale, locales, overwriteGetLocale, setLocale } from '$lib/paraglide/runtime';

let current = $state<Locale>(getLocale());

// Messages read the language through this, so that a switch redraws them in place.
overwriteGetLocale(() => current);
document.documentElement.lang = current;

export const locale = {
  get current(): Locale {
    return current;
  },
  /** Switches the language; the choice is kept in this browser. */
  choose(next: Locale): void {
    void setLocale(next, { reload: false });
    current = next;
    document.documentElement.lang = next;
  },
};

export { locales, type Locale };
