import { readdir, readFile, readlink, statfs } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import pidusage from 'pidusage';

export interface HostReading {
  hostCpuShare: number | null;
  hostMemoryShare: number;
  diskUsedShare: number | null;
  diskFreeBytes: number | null;
  diskReadBytesPerSecond: number | null;
  diskWriteBytesPerSecond: number | null;
  networkReceivedBytesPerSecond: number | null;
  networkSentBytesPerSecond: number | null;
  openSockets: number | null;
}

export interface HostTotals {
  diskRead: number;
  diskWrite: number;
  received: number;
  sent: number;
}

export interface ProcessReading {
  name: string;
  pid: number;
  /** Over time since the last reading: 1 is one core busy. */
  cpuShare: number;
  memoryBytes: number;
}

export interface NamedProcess {
  name: string;
  pid: number;
  /** It starts others, which count as well. */
  withChildren?: boolean;
}

interface Counters {
  at: number;
  cpuBusy: number;
  cpuTotal: number;
  diskRead: number | null;
  diskWrite: number | null;
  received: number | null;
  sent: number | null;
}

const orNull = <T>(reading: Promise<T>): Promise<T | null> => reading.catch(() => null);

/** Reads the machine and our processes. What an operating system does not tell (outside Linux: disk, network, sockets) is null. */
export class HostReader {
  #last: Counters | null = null;
  readonly #totals: HostTotals = { diskRead: 0, diskWrite: 0, received: 0, sent: 0 };

  constructor(
    private readonly dataDir: string,
    private readonly ours: () => NamedProcess[],
  ) {}

  /** What has passed since the first reading, bytes. */
  totals(): HostTotals {
    return this.#totals;
  }

  async read(): Promise<HostReading> {
    const pids = (await this.#all()).map(({ pid }) => pid);
    const [disk, io, network, openSockets, available] = await Promise.all([
      orNull(statfs(this.dataDir)),
      diskCounters(pids),
      orNull(networkCounters()),
      orNull(socketsOf('self')),
      orNull(availableMemory()),
    ]);
    const processor = cpus().map(({ times }) => times);
    const cpuTotal = processor.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0);
    const cpuBusy = cpuTotal - processor.reduce((sum, { idle }) => sum + idle, 0);
    const now: Counters = {
      at: performance.now(),
      cpuBusy,
      cpuTotal,
      diskRead: io?.read ?? null,
      diskWrite: io?.write ?? null,
      received: network?.received ?? null,
      sent: network?.sent ?? null,
    };
    const last = this.#last;
    this.#last = now;
    for (const name of ['diskRead', 'diskWrite', 'received', 'sent'] as const) {
      // Processes that end take their counters with them.
      if (last && now[name] !== null && last[name] !== null) this.#totals[name] += Math.max(0, now[name] - last[name]);
    }
    // A process that ended takes its counter with it: what it had read is no negative reading.
    const rate = (name: 'diskRead' | 'diskWrite' | 'received' | 'sent') =>
      last && now[name] !== null && last[name] !== null ? Math.max(0, now[name] - last[name]) / Math.max(0.001, (now.at - last.at) / 1000) : null;
    return {
      hostCpuShare: last && now.cpuTotal > last.cpuTotal ? (now.cpuBusy - last.cpuBusy) / (now.cpuTotal - last.cpuTotal) : null,
      hostMemoryShare: 1 - (available ?? freemem()) / totalmem(),
      // As `df` counts: what is kept back for the system's administrator is neither free nor in use.
      diskUsedShare: disk ? 1 - disk.bavail / Math.max(1, disk.blocks - disk.bfree + disk.bavail) : null,
      diskFreeBytes: disk ? disk.bavail * disk.bsize : null,
      diskReadBytesPerSecond: rate('diskRead'),
      diskWriteBytesPerSecond: rate('diskWrite'),
      networkReceivedBytesPerSecond: rate('received'),
      networkSentBytesPerSecond: rate('sent'),
      openSockets,
    };
  }

  async #all(): Promise<NamedProcess[]> {
    const families = await Promise.all(this.ours().map((one) => (one.withChildren ? withChildren(one) : Promise.resolve([one]))));
    return families.flat();
  }

  /** Processor and memory of each of our processes that lives. */
  async processes(): Promise<ProcessReading[]> {
    const readings = await Promise.all(
      (await this.#all()).map(async ({ name, pid }) => {
        const usage = await orNull(pidusage(pid, { maxage: 120_000 }));
        return usage && { name, pid, cpuShare: usage.cpu / 100, memoryBytes: usage.memory };
      }),
    );
    return readings.filter((reading) => reading !== null);
  }
}

/** https://man7.org/linux/man-pages/man5/proc_tid_children.5.html */
async function withChildren({ name, pid }: NamedProcess): Promise<NamedProcess[]> {
  const threads = (await orNull(readdir(`/proc/${pid}/task`))) ?? [];
  const lists = await Promise.all(threads.map((thread) => orNull(readFile(`/proc/${pid}/task/${thread}/children`, 'utf8'))));
  const children = lists.flatMap((list) => list?.split(' ').filter(Boolean).map(Number) ?? []);
  const named = await Promise.all(
    children.map(async (child) => {
      const own = await orNull(readFile(`/proc/${child}/comm`, 'utf8'));
      return own === null ? [] : withChildren({ name: `${name.split(':')[0]}: ${own.trim()}`, pid: child });
    }),
  );
  return [{ name, pid }, ...named.flat()];
}

/** https://man7.org/linux/man-pages/man5/proc_pid_io.5.html */
async function diskCounters(pids: number[]): Promise<{ read: number; write: number } | null> {
  const texts = (await Promise.all(pids.map((pid) => orNull(readFile(`/proc/${pid}/io`, 'utf8'))))).filter((text) => text !== null);
  if (texts.length === 0) return null;
  const sum = (name: string) => texts.reduce((total, text) => total + Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(text)?.[1] ?? 0), 0);
  return { read: sum('read_bytes'), write: sum('write_bytes') };
}

/** https://man7.org/linux/man-pages/man5/proc_pid_net.5.html */
async function networkCounters(): Promise<{ received: number; sent: number }> {
  const lines = (await readFile('/proc/net/dev', 'utf8')).split('\n').slice(2);
  let [received, sent] = [0, 0];
  for (const line of lines) {
    const [name, figures] = line.split(':');
    if (!figures || name?.trim() === 'lo') continue;
    const columns = figures.trim().split(/\s+/).map(Number);
    received += columns[0] ?? 0;
    sent += columns[8] ?? 0;
  }
  return { received, sent };
}

async function socketsOf(pid: string): Promise<number> {
  const folder = `/proc/${pid}/fd`;
  const targets = await Promise.all((await readdir(folder)).map((name) => orNull(readlink(`${folder}/${name}`))));
  return targets.filter((target) => target?.startsWith('socket:')).length;
}

/** What programs could still be given, which `freemem` on Linux is not: caches count as free. */
async function availableMemory(): Promise<number> {
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(await readFile('/proc/meminfo', 'utf8'))?.[1];
  if (!kilobytes) throw new Error('no MemAvailable');
  return Number(kilobytes) * 1024;
}
