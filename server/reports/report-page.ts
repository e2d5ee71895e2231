import { type Express } from 'express';
import { type Authorize, route } from '../platform/http/index.js';
import { type Report, type ReportEntity } from './report.entity.js';
import { type ReportsService } from './reports.service.js';

const [width, height] = [640, 160];

const escaped = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
const shown = (value: string | number | null) =>
  value === null ? '–' : escaped(typeof value === 'number' ? value.toLocaleString('en', { maximumFractionDigits: 3 }) : value);

function chart({ title, unit, points }: Report['charts'][number]): string {
  if (points.length < 2) return `<h2>${escaped(title)}</h2><p>No values yet.</p>`;
  const times = points.map(([at]) => Date.parse(at));
  const [first, last] = [times[0]!, times.at(-1)!];
  const highest = Math.max(...points.map(([, value]) => value)) || 1;
  const line = points
    .map(([, value], i) => `${(((times[i]! - first) / (last - first || 1)) * width).toFixed(1)},${(height - (value / highest) * height).toFixed(1)}`)
    .join(' ');
  const label = `${title}: highest ${highest.toLocaleString('en', { maximumFractionDigits: 3 })} ${unit}`;
  return `<h2>${escaped(title)}</h2><figure><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(label)}"><polyline points="${line}" fill="none" stroke="#1d5fa8" stroke-width="1.5"/></svg><figcaption>${escaped(label)}; ${points[0]![0].slice(0, 16)} to ${points.at(-1)![0].slice(0, 16)} UTC</figcaption></figure>`;
}

function page({ kind, from, to, createdAt, content }: ReportEntity): string {
  const title = `ERPFTS: ${kind.toLowerCase().replaceAll('_', ' ')}`;
  const sections = content.sections.map(
    ({ title: heading, rows }) =>
      `<h2>${escaped(heading)}</h2><table>${rows.map(([name, value]) => `<tr><th scope="row">${escaped(name)}</th><td>${shown(value)}</td></tr>`).join('')}</table>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>
body{font:14px/1.5 system-ui,"Hiragino Sans","Noto Sans JP",sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}
h1{font-size:1.3rem}h2{font-size:1rem;margin:1.5rem 0 .3rem}table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:400}
td{text-align:right;font-variant-numeric:tabular-nums}th,td{padding:.2rem 0;border-bottom:1px solid #ddd;overflow-wrap:anywhere}figure{margin:0}svg{width:100%;border-bottom:1px solid #999}
figcaption{color:#555;font-size:12px}@media print{body{margin:0}}</style>
<h1>${title}</h1><p>${from.toISOString().slice(0, 16)} to ${to.toISOString().slice(0, 16)} UTC, made ${createdAt.toISOString().slice(0, 16)} UTC</p>
${sections.join('')}${content.charts.map(chart).join('')}</html>`;
}

/** `GET /reports/:id`: a report as a page to be printed; with `?format=json` as JSON. */
export function reportRoute(app: Express, { reports, authorize }: { reports: ReportsService; authorize: Authorize }): void {
  app.get(
    '/reports/:id',
    route(async (request, response) => {
      await authorize(request, 'GET /reports/:id');
      const report = await reports.require(String(request.params['id']));
      if (request.query['format'] === 'json') response.json(report);
      else response.type('html').send(page(report));
    }),
  );
}
