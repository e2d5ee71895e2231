import { type Command } from 'commander';
import { shown, sinceOf, type Terminal } from './terminal.js';

/** Adds the command that shows what the server measures. */
export function addMetrics(program: Command, { connected, print, exitUsage }: Terminal): void {
  program
    .command('metrics')
    .description('show what the server measures of itself, now, or over time; and when the disk fills')
    .option('--since <time>', 'a line a point since then: 90m, 24h, 7d, or a time as 2026-11-27T06:00:00Z')
    .action(async ({ since }: { since?: string }) => {
      if (since !== undefined) return overTime(sinceOf(since, exitUsage));
      const { metrics, diskForecast, metricsHistorySize } = await connected((client) =>
        client.request<{
          metrics: Record<string, Record<string, unknown> | null>;
          diskForecast: Record<string, unknown>;
          metricsHistorySize: Record<string, unknown>;
        }>(
          'query { metrics { library { documents chunks } queue { queued running embedding } process { cpuShare memoryBytes heapBytes uptimeMs } eventLoop { delayP99Ms } search { perSecond p50Ms p95Ms p99Ms cachedShare emptyShare embedP50Ms modes { mode share } } requests { perSecond p50Ms p95Ms p99Ms failedShare operations { operation perSecond p50Ms p95Ms p99Ms failedShare } } responses { perSecond p95Ms failedShare } cache { backend kinds { kind hits misses } } host { hostCpuShare hostMemoryShare diskUsedShare diskFreeBytes diskReadBytesPerSecond diskWriteBytesPerSecond networkReceivedBytesPerSecond networkSentBytesPerSecond openSockets } processes { name pid cpuShare memoryBytes } sample { databaseBytes pendingWrites databaseLatencyMs vectorStoreLatencyMs webSockets chunksPerSecond ingestionsFailedPerSecond gcShare limitUsedShare refusalsPerSecond } } diskForecast { fullAt bytesPerDay freeBytes } metricsHistorySize { samples bytes retentionDays } }',
        ),
      );
      const shownParts = { ...metrics, diskForecast, history: metricsHistorySize };
      print(shownParts, () =>
        Object.entries(shownParts)
          .flatMap(([part, values]) => Object.entries(values ?? {}).map(([name, value]) => `${part}.${name}: ${shown(value)}`))
          .join('\n'),
      );
    });

  async function overTime(from: string): Promise<void> {
    const { metricsHistory } = await connected((client) =>
      client.request<{ metricsHistory: Record<string, unknown>[] }>(
        'query History($from: DateTime!, $to: DateTime!) { metricsHistory(range: { from: $from, to: $to }) { at hostCpuShare hostMemoryShare diskUsedShare requestsPerSecond requestP95Ms errorShare searchesPerSecond searchP95Ms chunksPerSecond } }',
        { from, to: new Date().toISOString() },
      ),
    );
    print(metricsHistory, () =>
      metricsHistory
        .map(({ at, ...values }) => [String(at), ...Object.entries(values).map(([name, value]) => `${name}=${shown(value)}`)].join('  '))
        .join('\n'),
    );
  }
}
