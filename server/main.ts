import { AsyncResource } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { type App, startApp } from './app.js';
import { type LoadedSettings } from './config/index.js';
import { AppError, messageOf } from './platform/errors.js';
import { Logging } from './platform/logging/index.js';
import { serveAndReload } from './reload.js';

/** What a stop may take beyond SHUTDOWN_TIMEOUT_MS until the process ends whatever is left. */
const graceMs = 5000;
const longestPortWaitMs = 60_000;
const portRetryMs = 500;
/** What a start that failed is given to say why. */
const lastWordsMs = 500;

/** Runs the server until a signal ends it. */
export async function serve(loaded: LoadedSettings): Promise<void> {
  const { settings } = loaded;
  if (settings.API_RELOAD) return serveAndReload();
  let stopping = false;
  // Whoever asks for it is long gone when it happens.
  const restart = AsyncResource.bind(again);
  const first = new Logging(settings.LOG_LEVEL);
  let log = first.root;
  let starting = begin(loaded, first);

  function begin(from: LoadedSettings, logging: Logging): Promise<App> {
    log = logging.root;
    return startApp(from, logging, { restart: () => setImmediate(restart) }).then((app) => {
      // A restore that was given up has ended the log that its start was begun with.
      log = app.log;
      return app;
    });
  }

  /** Ends what runs and starts it anew where it was: a restore exchanges the data in between. */
  function again(): void {
    const before = starting;
    log.info('starting anew');
    starting = before.then(async (app) => {
      const port = Number(new URL(app.url).port);
      const tooLong = setTimeout(() => {
        log.error('the stop took too long; the process is ended, and what was decided is done at its next start');
        process.exit(1);
      }, settings.SHUTDOWN_TIMEOUT_MS + graceMs);
      await app.stop();
      clearTimeout(tooLong);
      for (const deadline = Date.now() + longestPortWaitMs; ;) {
        try {
          return await begin({ ...loaded, settings: { ...settings, PORT: port } }, new Logging(settings.LOG_LEVEL));
        } catch (error) {
          // Somebody else may have got the port while nobody listened on it.
          if (!(error instanceof AppError && error.code === 'CONFLICT') || stopping || Date.now() > deadline) throw error;
          await delay(portRetryMs);
        }
      }
    });
    starting.catch((error: unknown) => {
      process.stderr.write(`erpfts could not start anew: ${messageOf(error)}\n`);
      process.exit(1);
    });
  }

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
  const app = await starting.catch((error: unknown) => {
    // Whatever is still open must not keep a process alive that serves nothing: its supervisor is to start it anew.
    setTimeout(() => process.exit(process.exitCode ?? 1), lastWordsMs);
    throw error;
  });
  log.info({ url: app.url }, 'ready');
  const lines = [`ERPFTS is at ${app.url}`];
  if (app.signInLink) lines.push(`Sign in as administrator (once, within 24 hours): ${app.signInLink}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}
