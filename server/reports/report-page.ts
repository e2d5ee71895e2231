import { type Express } from 'express';
import { type Authorize, route } from '../platform/http/index.js';
import { type Report, type ReportEntity } from './report.entity.js';
import { type ReportsService } from './reports.service.js';
import { inJapanese } from './words.ja.js';

const [width, height] = [640, 160];

interface Words {
  language: 'en' | 'ja';
  say: (text: string) => string;
  none: string;
  highest: (value: string) => string;
  span: (from: string, to: string) => string;
  made: (at: string) => string;
}

const words: Record<'en' | 'ja', Words> = {
  en: {
    language: 'en',
    say: (text) => text,
    none: 'No values yet.',
    highest: (value) => `highest ${value}`,
    span: (from, to) => `${from} to ${to} UTC`,
    made: (at) => `made ${at} UTC`,
  },
  ja: {
    language: 'ja',
    say: inJapanese,
    none: '値はまだありません。',
    highest: (value) => `最大 ${value}`,
    span: (from, to) => `${from} から ${to} まで（UTC）`,
    made: (at) => `${at}（UTC）作成`,
  },
};

/** A number in the unit that its name, in English, tells of. */
function figure(name: string, value: number, language: string): string {
  const number = value.toLocaleString(language, { maximumFractionDigits: 3 });
  if (/share/.test(name)) return value.toLocaleString(language, { style: 'percent', maximumFractionDigits: 1 });
  return /bytes/.test(name) ? `${number} (${(value / 1024 ** 2).toLocaleString(language, { maximumFractionDigits: 1 })} MB)` : number;
}

const escaped = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
const minute = (at: string) => at.slice(0, 16).replace('T', ' ');

function chart({ title, unit, points }: Report['charts'][number], { language, say, none, highest: peak, span }: Words): string {
  const heading = escaped(say(title));
  if (points.length < 2) return `<h2>${heading}</h2><p>${none}</p>`;
  const times = points.map(([at]) => Date.parse(at));
  const [first, last] = [times[0]!, times.at(-1)!];
  const highest = Math.max(...points.map(([, value]) => value)) || 1;
  const line = points
    .map(([, value], i) => `${(((times[i]! - first) / (last - first || 1)) * width).toFixed(1)},${(height - (value / highest) * height).toFixed(1)}`)
    .join(' ');
  const most = `${highest.toLocaleString(language, { maximumFractionDigits: 3 })} ${say(unit)}`.trim();
  const label = escaped(`${say(title)}: ${peak(most)}`);
  return `<h2>${heading}</h2><figure><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}"><polyline points="${line}" fill="none" stroke="#1d5fa8" stroke-width="1.5"/></svg><figcaption>${label}; ${span(minute(points[0]![0]), minute(points.at(-1)![0]))}</figcaption></figure>`;
}

function page({ kind, from, to, createdAt, content }: ReportEntity, inWords: Words): string {
  const { language, say, span, made } = inWords;
  const title = `ERPFTS: ${say(kind.toLowerCase().replaceAll('_', ' '))}`;
  const shown = (name: string, value: string | number | null) =>
    value === null ? '–' : escaped(typeof value === 'number' ? figure(name, value, language) : say(value));
  const sections = content.sections.map(
    ({ title: heading, rows }) =>
      `<h2>${escaped(say(heading))}</h2><table>${rows.map(([name, value]) => `<tr><th scope="row">${escaped(say(name))}</th><td>${shown(`${heading} ${name}`, value)}</td></tr>`).join('')}</table>`,
  );
  return `<!doctype html><html lang="${language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>
body{font:14px/1.5 system-ui,"Hiragino Sans","Noto Sans JP",sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}
h1{font-size:1.3rem}h2{font-size:1rem;margin:1.5rem 0 .3rem}table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:400}
td{text-align:right;font-variant-numeric:tabular-nums}th,td{padding:.2rem 0;border-bottom:1px solid #ddd;overflow-wrap:anywhere}figure{margin:0}svg{width:100%;border-bottom:1px solid #999}
figcaption{color:#555;font-size:12px}@media print{body{margin:0}}</style>
<h1>${title}</h1><p>${span(minute(from.toISOString()), minute(to.toISOString()))}, ${made(minute(createdAt.toISOString()))}</p>
${sections.join('')}${content.charts.map((one) => chart(one, inWords)).join('')}</html>`;
}

/** `GET /reports/:id`: a report as a page to be printed, with `?language=ja` in Japanese; with `?format=json` as JSON. */
export function reportRoute(app: Express, { reports, authorize }: { reports: ReportsService; authorize: Authorize }): void {
  app.get(
    '/reports/:id',
    route(async (request, response) => {
      await authorize(request, 'GET /reports/:id');
      const report = await reports.require(String(request.params['id']));
      if (request.query['format'] === 'json') response.json(report);
      else response.type('html').send(page(report, words[request.query['language'] === 'ja' ? 'ja' : 'en']));
    }),
  );
}
