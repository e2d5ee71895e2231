import { Argument, type Command, Option } from 'commander';
import { RequestFailed } from './client.js';
import { enumValues } from './contract.js';
import { finished, firstOf, type Terminal } from './terminal.js';

interface SearchAnswer {
  search: {
    totalCount: number;
    tookMs: number;
    notices: string[];
    hits: { score: number; snippet: string; pageFrom: number | null; document: { id: string; title: string } }[];
    profile: { step: string; ms: number }[];
  };
}

interface HealthAnswer {
  health: {
    status: string;
    summary: string;
    components: { name: string; status: string; latencyMs: number; since: string; message: string | null; remedy: string | null }[];
  };
}

interface CacheAnswer {
  metrics: { cache: { backend: string; kinds: { kind: string; hits: number; misses: number }[] } };
}

/** Commands that ask: for passages, for the state of the parts, for what the cache has saved. */
export function addAsking(program: Command, { connected, print, progress, exitUsage, exitFailed }: Terminal): void {
  program
    .command('search')
    .description('find passages by meaning and words')
    .argument('<query...>')
    .option('--first <n>', 'how many documents, 1 to 100', '10')
    .addOption(new Option('--mode <mode>', 'how to look').choices(enumValues('SearchMode').map((mode) => mode.toLowerCase())).default('hybrid'))
    .option('--profile', 'also tell where the time went')
    .action(async (words: string[], { first, mode, profile }: { first: string; mode: string; profile?: boolean }) => {
      const { search } = await connected((client) =>
        client.request<SearchAnswer>(
          'query Search($query: String!, $first: Int!, $mode: SearchMode!) { search(query: $query, first: $first, mode: $mode) { totalCount tookMs notices hits { score snippet pageFrom document { id title } } profile { step ms } } }',
          { query: words.join(' '), first: firstOf(first, exitUsage), mode: mode.toUpperCase() },
        ),
      );
      print(search, () =>
        [
          ...search.notices,
          ...search.hits.map(
            ({ score, snippet, pageFrom, document }) =>
              `${(score * 100).toFixed(0).padStart(3)} %  ${document.title}${pageFrom ? `, p. ${pageFrom}` : ''}\n       ${snippet.replace(/\s+/g, ' ')}`,
          ),
          `${search.totalCount} documents, ${search.tookMs.toFixed(0)} ms`,
          ...(profile ? search.profile.map(({ step, ms }) => `${step.toLowerCase().padEnd(12)}${ms.toFixed(1).padStart(8)} ms`) : []),
        ].join('\n'),
      );
    });

  program
    .command('health')
    .description('ask every part how it is; exit code 1 where the system does not work')
    .action(async () => {
      const { health } = await connected((client) =>
        client.request<HealthAnswer>('query { health { status summary components { name status latencyMs since message remedy } } }'),
      );
      print(health, () =>
        [
          `${health.status}  ${health.summary}`,
          ...health.components.flatMap(({ name, status, latencyMs, since, message, remedy }) => [
            `${status.padEnd(9)}  ${name.padEnd(16)} ${latencyMs.toFixed(1).padStart(7)} ms  since ${since}${message ? `  ${message}` : ''}`,
            ...(remedy && status !== 'HEALTHY' ? [`           ${remedy}`] : []),
          ]),
        ].join('\n'),
      );
      if (health.status === 'UNHEALTHY') process.exitCode = exitFailed;
    });

  const cache = program.command('cache').description('look at what is kept to answer faster, or forget it');
  cache
    .command('statistics', { isDefault: true })
    .description('how often an answer was there already, by kind, since the server started')
    .action(async () => {
      const { metrics } = await connected((client) => client.request<CacheAnswer>('query { metrics { cache { backend kinds { kind hits misses } } } }'));
      print(metrics.cache, () =>
        [
          `kept in: ${metrics.cache.backend}`,
          ...metrics.cache.kinds.map(({ kind, hits, misses }) => {
            const asked = hits + misses;
            return `${kind.toLowerCase().padEnd(10)} ${hits} of ${asked}${asked > 0 ? `  ${Math.round((hits / asked) * 100)} %` : ''}`;
          }),
        ].join('\n'),
      );
    });
  cache
    .command('clear')
    .description('forget kept answers; without a kind, of all kinds')
    .addArgument(new Argument('[kind...]').choices(enumValues('CacheKind').map((kind) => kind.toLowerCase())))
    .action(async (kinds: string[]) => {
      // As a task, which is seen among the others afterwards.
      await connected(async (client) => {
        const { runMaintenance } = await client.request<{ runMaintenance: { id: string } }>(
          'mutation Clear($options: JSONObject) { runMaintenance(task: CLEAR_CACHE, options: $options) { id } }',
          { options: kinds.length > 0 ? { kinds: kinds.map((kind) => kind.toUpperCase()) } : {} },
        );
        const { status, error } = await finished(client, runMaintenance.id, progress);
        progress('');
        if (status !== 'SUCCEEDED') throw new RequestFailed(error ?? `The task was ${status.toLowerCase()}.`, status, null);
      });
      print({ cleared: kinds.length > 0 ? kinds : 'all' }, () => 'cleared');
    });
}
