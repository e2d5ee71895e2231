import { goto } from '$app/navigation';
import { page } from '$app/state';

type Change = Record<string, string | string[] | number | null | undefined>;

/** The address with some of its parameters changed; null takes one away. */
export function changedAddress(change: Change): string {
  const address = new URL(page.url);
  for (const [name, value] of Object.entries(change)) {
    address.searchParams.delete(name);
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== '') address.searchParams.append(name, String(one));
  }
  return address.pathname + address.search;
}

/** Views live in the address: what is shown can be copied, sent and gone back to. */
export function go(change: Change, { replace = false } = {}): Promise<void> {
  return goto(changedAddress(change), { replaceState: replace, keepFocus: true, noScroll: true });
}
