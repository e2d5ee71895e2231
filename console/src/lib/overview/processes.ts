import { m } from '$lib/paraglide/messages';

const names: Record<string, () => string> = { server: m.process_server, chromadb: m.process_chromadb, reader: m.process_reader, backup: m.process_backup };

/** What a process of ours is, in the reader's language. */
export const processName = (name: string): string => names[name]?.() ?? name;
