import { Argument, type Command } from 'commander';
import { RequestFailed } from './client.js';
import { enumValues } from './contract.js';
import { firstOf, type Terminal } from './terminal.js';

interface ReportLine {
  id: string;
  kind: string;
  from: string;
  to: string;
  createdAt: string;
}

interface Content {
  sections: { title: string; rows: [name: string, value: string | number][] }[];
}

const typed = (kind: string) => kind.toLowerCase().replaceAll('_', '-');

interface Pages {
  reports: { edges: { node: ReportLine & { content: Content } }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
}

/** Adds the commands that show the reports of the weeks and months, and make one now. */
export function addReports(program: Command, { connected, print, exitUsage }: Terminal): void {
  const command = program.command('reports').description('list reports, read one, make one now');
  command
    .command('list', { isDefault: true })
    .description('list reports, newest first')
    .option('--first <n>', 'how many, 1 to 100', '20')
    .action(async ({ first }: { first: string }) => {
      const size = firstOf(first, exitUsage);
      const { reports: found } = await connected((client) =>
        client.request<{ reports: { edges: { node: ReportLine }[] } }>(
          'query Reports($first: Int!) { reports(first: $first) { edges { node { id kind from to createdAt } } } }',
          { first: size },
        ),
      );
      const lines = found.edges.map(({ node }) => node);
      print(lines, () =>
        lines.length === 0
          ? 'no report so far: the weekly and monthly schedules make them'
          : lines.map(({ id, kind, from, to, createdAt }) => `${createdAt}  ${typed(kind).padEnd(14)}${from} to ${to}  ${id}`).join('\n'),
      );
    });
  command
    .command('show')
    .description('show the figures of a report; --json has its charts as well')
    .argument('<id>', 'as `reports` lists it')
    .action(async (id: string) => {
      const report = await connected(async (client) => {
        for (let after: string | null = null; ;) {
          const { reports }: Pages = await client.request<Pages>(
            'query Reports($after: String) { reports(first: 50, after: $after) { edges { node { id kind from to createdAt content } } pageInfo { hasNextPage endCursor } } }',
            { after },
          );
          const found = reports.edges.find(({ node }) => node.id === id)?.node;
          if (found || !reports.pageInfo.hasNextPage) return found;
          after = reports.pageInfo.endCursor;
        }
      });
      if (!report) throw new RequestFailed(`There is no report with the id "${id}".`, 'NOT_FOUND', 'Look at `reports`.');
      print(report, () => textOf(report));
    });
  command
    .command('make')
    .description('make a report now')
    .addArgument(new Argument('<kind>').choices(enumValues('ReportKind').map(typed)))
    .action(async (kind: string) => {
      const { makeReport: report } = await connected((client) =>
        client.request<{ makeReport: ReportLine & { content: Content } }>(
          'mutation Report($kind: ReportKind!) { makeReport(kind: $kind) { id kind from to createdAt content } }',
          { kind: kind.toUpperCase().replaceAll('-', '_') },
        ),
      );
      print(report, () => textOf(report));
    });
}

function textOf({ kind, from, to, content }: ReportLine & { content: Content }): string {
  return [
    `${typed(kind)}, ${from} to ${to}`,
    ...content.sections.flatMap(({ title, rows }) => ['', title, ...rows.map(([name, value]) => `  ${name}: ${value}`)]),
  ].join('\n');
}
