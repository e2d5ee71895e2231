import { type App, startApp } from './app.js';
import { type LoadedSettings } from './config/index.js';
import { Logging } from './platform/logging/index.js';
import { serveAndReload } from './reload.js';

/** What a stop may take beyond SHUTDOWN_TIMEOUT_MS until the process ends whatever is left. */
const graceMs = 5000;

/** Runs the server until a signal ends it. */
export async function serve(loaded: LoadedSettings): Promise<void> {
  const { settings } = loaded;
  if (settings.API_RELOAD) return serveAndReload();
  const logging = new Logging(settings.LOG_LEVEL);
  const log = logging.root;
  let app: App | null = null;
  let stopping = false;
  const starting = startApp(loaded, logging);
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => {
      log.error('the stop took too long; what is left is ended');
      process.exit(1);
    }, settings.SHUTDOWN_TIMEOUT_MS + graceMs).unref();
    void starting
      .then((started) => started.stop())
      .catch(() => undefined)
      .finally(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // The terminal's window was closed, or the supervisor went away.
  process.on('SIGHUP', stop);
  app = await starting;
  log.info({ url: app.url }, 'ready');
  const lines = [`ERPFTS is at ${app.url}`];
  if (app.signInLink) lines.push(`Sign in as administrator (once, within 24 hours): ${app.signInLink}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}
