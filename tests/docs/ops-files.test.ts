import { parse } from 'yaml';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { backupSettings } from '../../server/config/backup-settings.js';
import { operationsSettings } from '../../server/config/operations-settings.js';
import { TestServer } from '../support/server.js';

const read = (name: string) => readFileSync(join(packageRoot, 'ops', name), 'utf8');
const defaultOf = (kind: string) => backupSettings[`BACKUP_${kind.toUpperCase()}_SCHEDULE` as 'BACKUP_FULL_SCHEDULE'].parse(undefined);

test("cron's lines run the server's backups at the server's times", () => {
  const lines = read('cron/erpfts')
    .split('\n')
    .map((line) => /^(\S+ \S+ \S+ \S+ \S+) erpfts .*npx erpfts backup --kind (\w+)$/.exec(line))
    .filter((line) => line !== null);
  expect(lines.map(([, , kind]) => kind).sort()).toEqual(['config', 'database', 'full', 'vectors']);
  for (const [, time, kind] of lines) expect([kind, time]).toEqual([kind, defaultOf(kind!)]);
  expect(read('cron/erpfts')).toContain(`${defaultOf('proof')} erpfts cd /opt/erpfts && npx erpfts verify-backup latest --prove\n`);
});

test('the timers of systemd do the same', () => {
  const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
  const timers = readdirSync(join(packageRoot, 'ops/systemd')).filter((name) => name.endsWith('.timer'));
  expect(timers).toHaveLength(5);
  for (const name of timers) {
    const text = read(`systemd/${name}`);
    const kind = /Unit=erpfts-backup[@-](\w+)\.service/.exec(text)?.[1];
    const [, weekday = '', day = '', hour = '', minute = ''] = /OnCalendar=(?:(\w+) )?\*-\*-(\*|\d+) (\d+):(\d+):00/.exec(text) ?? [];
    const time = [Number(minute), Number(hour), day === '*' ? '*' : Number(day), '*', weekday ? weekdays.indexOf(weekday) : '*'].join(' ');
    expect([name, time]).toEqual([`erpfts-backup-${kind}.timer`, defaultOf(kind!)]);
  }
});

test('the recovery scripts are shell that can be read', () => {
  for (const name of readdirSync(join(packageRoot, 'ops/recovery'))) execFileSync('sh', ['-n', join(packageRoot, 'ops/recovery', name)]);
});

describe('what watches from outside', () => {
  interface Rule {
    alert: string;
    expr: string;
    labels: { severity: string };
  }
  const rules = (parse(read('monitoring/alerts.yml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules: of }) => of);
  const dashboard = JSON.parse(read('monitoring/grafana/dashboard.json')) as { panels: { title: string; targets: { expr: string }[] }[] };
  const asked = [...rules.map(({ expr }) => expr), ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))];

  test('rules and dashboard ask for metrics that there are', async () => {
    const server = await TestServer.start({ METRICS_INTERVAL_SECONDS: '1' });
    try {
      await server.take('reef.txt', 'The reef is marked by two poles.');
      await server.ask('query Poles { search(query: "poles") { totalCount } }');
      const scrape = async () => (await fetch(`${server.url}/metrics`, { headers: { authorization: server.authorization } })).text();
      await expect.poll(scrape, { timeout: 20_000 }).toMatch(/^erpfts_component_up\{/m);
      await expect.poll(scrape, { timeout: 20_000 }).toMatch(/^erpfts_disk_used_ratio /m);
      const told = new Set([...(await scrape()).matchAll(/^# TYPE (\w+)/gm)].map((match) => match[1]!));
      const names = new Set(asked.flatMap((expr) => [...expr.matchAll(/\berpfts_\w+/g)].map(([name]) => name.replace(/_(bucket|count|sum)$/, ''))));
      expect(names.size).toBeGreaterThan(20);
      expect([...names].filter((name) => !told.has(name))).toEqual([]);
    } finally {
      await server.stop();
    }
  });

  test("the rules' thresholds are the product's", () => {
    const limit = (alert: string) => Number(/> ([\d.]+)$/.exec(rules.find((rule) => rule.alert === alert)!.expr)?.[1]);
    for (const [alert, name] of [
      ['ErpftsProcessorBusy', 'ALERT_CPU'],
      ['ErpftsMemoryHigh', 'ALERT_MEMORY'],
      ['ErpftsDiskFilling', 'ALERT_DISK'],
      ['ErpftsSlow', 'ALERT_RESPONSE'],
      ['ErpftsFailing', 'ALERT_ERROR'],
    ] as const) {
      const of = (level: 'WARNING' | 'CRITICAL') => operationsSettings[`${name}_${level}`].parse(undefined);
      expect([alert, limit(alert), limit(`${alert}Critical`)]).toEqual([alert, of('WARNING'), of('CRITICAL')]);
    }
    for (const { labels } of rules) expect(['warning', 'critical']).toContain(labels.severity);
  });

  test('Prometheus, Grafana and the composition are YAML that names files there are', () => {
    const composed = parse(read('../docker-compose.yml')) as { services: { erpfts: { environment: { ALLOWED_HOSTS: string } } } };
    const { scrape_configs: scraped } = parse(read('monitoring/prometheus.yml')) as { scrape_configs: { static_configs: { targets: string[] }[] }[] };
    // A host name that the server is not told of is refused.
    const hosts = scraped.flatMap((one) => one.static_configs.flatMap(({ targets }) => targets.map((target) => target.split(':')[0])));
    expect(JSON.parse(composed.services.erpfts.environment.ALLOWED_HOSTS)).toEqual(hosts);
    for (const name of ['prometheus.yml', 'grafana/datasource.yml', 'grafana/dashboards.yml']) expect(parse(read(`monitoring/${name}`))).toBeTypeOf('object');
    const { services } = parse(readFileSync(join(packageRoot, 'docker-compose.yml'), 'utf8')) as { services: Record<string, { volumes?: string[] }> };
    const mounted = Object.values(services).flatMap(({ volumes = [] }) => volumes.filter((one) => one.startsWith('./ops')).map((one) => one.split(':')[0]!));
    expect(mounted.length).toBeGreaterThan(4);
    for (const path of mounted.filter((one) => !one.endsWith('.key'))) expect([path, existsSync(join(packageRoot, path))]).toEqual([path, true]);
  });
});
