import { type Command } from 'commander';

/** What people type most often, by command; `--help` ends with it. */
const examples: Record<string, string[]> = {
  serve: ['erpfts serve', 'PORT=9000 DATA_DIR=/srv/erpfts erpfts serve'],
  migrate: ['erpfts migrate status', 'erpfts migrate up'],
  'init-db': ['erpfts init-db'],
  'check-database': ['erpfts check-database && erpfts serve'],
  ingest: ['erpfts ingest handbook.pdf --tag handbook', 'erpfts ingest ./documents --ending .md .pdf'],
  search: ['erpfts search いつ遠心分離機を掃除しますか', 'erpfts search --mode keyword --profile "E-1042"'],
  health: ['erpfts health', 'erpfts --json health'],
  maintenance: ['erpfts maintenance', 'erpfts maintenance vacuum', `erpfts maintenance rebuild-index --options '{"source":"REEMBED"}'`],
  'verify-data': ['erpfts verify-data', 'erpfts verify-data --repair --dry-run'],
  'rebuild-index': ['erpfts rebuild-index', 'erpfts rebuild-index --reembed'],
  'optimize-index': ['erpfts optimize-index'],
  jobs: ['erpfts jobs --status running failed', 'erpfts jobs show 0d3f…', 'erpfts jobs retry 0d3f…'],
  documents: ['erpfts documents --title handbook --first 50'],
  metrics: ['erpfts metrics', 'erpfts metrics --since 24h', 'erpfts --json metrics'],
  'response-time': ['erpfts response-time', 'erpfts response-time いつ遠心分離機を掃除しますか', 'erpfts response-time --url https://kb.example.org'],
  'load-test': ['erpfts load-test', 'erpfts load-test --clients 8 --requests 500 有給休暇 "E-1042"'],
  cache: ['erpfts cache', 'erpfts cache clear search'],
  logs: ['erpfts logs --level warn error --text slow_query', 'erpfts logs --since 1h --feature search', 'erpfts logs --follow'],
  alerts: ['erpfts alerts', 'erpfts alerts thresholds', 'erpfts alerts acknowledge 0d3f…', 'erpfts alerts --test'],
  reports: ['erpfts reports', 'erpfts reports make performance', 'erpfts reports show 0d3f…'],
  events: ['erpfts events', 'erpfts events --since 7d'],
  schedule: ['erpfts schedule', 'erpfts schedule run DAILY', 'erpfts schedule history WEEKLY', 'erpfts schedule disable WEEKLY'],
  'maintenance-mode': ['erpfts maintenance-mode on --reason "New disk" --until 2030-01-31T06:00:00Z', 'erpfts maintenance-mode off'],
  backup: ['erpfts backup --kind database'],
  backups: ['erpfts backups'],
  'verify-backup': ['erpfts verify-backup latest'],
  restore: ['erpfts restore latest --dry-run', 'erpfts restore latest --yes'],
  export: ['erpfts export library.tar'],
  import: ['erpfts import library.tar --dry-run'],
  completion: ['erpfts completion bash > /etc/bash_completion.d/erpfts'],
  'sign-in-link': ['erpfts sign-in-link'],
  config: ['erpfts config', 'erpfts config --changes', 'erpfts config --log-level debug', 'erpfts config --limits'],
};

/** Ends the help of every command with examples. @throws Error where a command has none */
export function addExamples(program: Command): void {
  for (const command of program.commands) {
    const lines = examples[command.name()];
    if (!lines) throw new Error(`The command ${command.name()} has no example.`);
    command.addHelpText('after', ['', 'Examples:', ...lines.map((line) => `  ${line}`)].join('\n'));
  }
}
