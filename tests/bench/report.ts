import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../server/config/index.js';

const folder = join(packageRoot, 'tests/bench/results');

type Row = Record<string, string | number>;
interface Table {
  what: string;
  rows: Row[];
}
interface Results {
  bench: string;
  date: string;
  machine: string;
  tables: Table[];
}

const startedAt = new Map<string, Results>();

/** Prints a bench's figures as a table, and keeps them in `results/<name>.json` and `report.html`. */
export function report(name: string, what: string, rows: Row[]): void {
  process.stdout.write(`\n${name}: ${what}\n`);
  console.table(rows);
  let results = startedAt.get(name);
  if (!results) startedAt.set(name, (results = { bench: name, date: new Date().toISOString().slice(0, 10), machine: machine(), tables: [] }));
  results.tables.push({ what, rows });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(join(packageRoot, 'tests/bench/report.html'), page());
}

function machine(): string {
  const cores = cpus();
  return `${cores.length} × ${cores[0]?.model.trim()}, ${Math.round(totalmem() / 1024 ** 3)} GB, Node ${process.versions.node}`;
}

const escaped = (text: string | number) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** One page of all kept results, with a bar behind every figure as long as its share of the column's largest. */
function page(): string {
  const all = readdirSync(folder)
    .filter((file) => file.endsWith('.json') && existsSync(join(folder, file)))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Results);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ERPFTS benches</title>
<style>
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
  body { max-width: 1000px; margin: 32px auto; padding: 0 16px; }
  .scroll { overflow-x: auto; }
  table { border-collapse: collapse; width: 100%; margin: 8px 0 28px; }
  th, td { padding: 4px 10px; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); text-align: right; white-space: nowrap; }
  th:first-child, td:first-child { text-align: left; }
  td { background: linear-gradient(to right, color-mix(in srgb, Highlight 30%, transparent) var(--share, 0%), transparent var(--share, 0%)); font-variant-numeric: tabular-nums; }
</style>
<h1>ERPFTS benches</h1>
<p>Made by <code>npm run bench</code>. Machines are noisy: compare within one table.</p>
${all.map(section).join('\n')}
</html>
`;
}

function section({ bench, date, machine: where, tables }: Results): string {
  return `<h2>${escaped(bench)}</h2>\n<p>${escaped(date)} · ${escaped(where)}</p>\n${tables.map(table).join('\n')}`;
}

function table({ what, rows }: Table): string {
  const columns = Object.keys(rows[0] ?? {});
  // Bars compare systems; a list of different figures has nothing to compare.
  const largest = (column: string) => ('figure' in (rows[0] ?? {}) ? 0 : Math.max(0, ...rows.map((row) => Number(row[column])).filter(Number.isFinite)));
  const cell = (row: Row, column: string) => {
    const share =
      largest(column) > 0 && Number.isFinite(Number(row[column])) ? ` style="--share: ${((Number(row[column]) / largest(column)) * 100).toFixed(1)}%"` : '';
    return `<td${share}>${escaped(row[column] ?? '')}</td>`;
  };
  return `<h3>${escaped(what)}</h3>
<div class="scroll"><table>
<tr>${columns.map((column) => `<th>${escaped(column)}</th>`).join('')}</tr>
${rows.map((row) => `<tr>${columns.map((column) => cell(row, column)).join('')}</tr>`).join('\n')}
</table></div>`;
}
