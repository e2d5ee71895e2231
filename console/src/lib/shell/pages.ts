import Activity from '@lucide/svelte/icons/activity';
import Archive from '@lucide/svelte/icons/archive';
import Bell from '@lucide/svelte/icons/bell';
import Files from '@lucide/svelte/icons/files';
import Layers from '@lucide/svelte/icons/layers';
import ListChecks from '@lucide/svelte/icons/list-checks';
import ScrollText from '@lucide/svelte/icons/scroll-text';
import SearchIcon from '@lucide/svelte/icons/search';
import Settings from '@lucide/svelte/icons/settings';
import Target from '@lucide/svelte/icons/target';
import Wrench from '@lucide/svelte/icons/wrench';
import { type Role } from '$lib/gql/graphql';
import { m } from '$lib/paraglide/messages';

export interface Page {
  href: string;
  label: () => string;
  icon: typeof SearchIcon;
  /** Who may open it, and those above. */
  role: Role;
  /** Stands in the bar at the bottom of a narrow window; the others are behind "more". */
  first: boolean;
}

const ranks: Role[] = ['READER', 'OPERATOR', 'ADMINISTRATOR'];

const pages: Page[] = [
  { href: '/', label: m.search, icon: SearchIcon, role: 'READER', first: true },
  { href: '/documents', label: m.documents, icon: Files, role: 'READER', first: true },
  { href: '/overview', label: m.overview, icon: Activity, role: 'OPERATOR', first: true },
  { href: '/jobs', label: m.jobs, icon: ListChecks, role: 'OPERATOR', first: true },
  { href: '/alerts', label: m.alerts, icon: Bell, role: 'OPERATOR', first: false },
  { href: '/maintenance', label: m.maintenance, icon: Wrench, role: 'OPERATOR', first: false },
  { href: '/backups', label: m.backups, icon: Archive, role: 'OPERATOR', first: false },
  { href: '/logs', label: m.logs, icon: ScrollText, role: 'OPERATOR', first: false },
  { href: '/golden', label: m.golden, icon: Target, role: 'OPERATOR', first: false },
  { href: '/search-index', label: m.search_index, icon: Layers, role: 'OPERATOR', first: false },
  { href: '/settings', label: m.settings, icon: Settings, role: 'ADMINISTRATOR', first: false },
];

/** Pages that somebody of a role may open. */
export const pagesFor = (role: Role) => pages.filter((page) => ranks.indexOf(role) >= ranks.indexOf(page.role));

export const isHere = (href: string, path: string) => (href === '/' ? path === '/' : path.startsWith(href));
