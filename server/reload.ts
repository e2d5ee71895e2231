import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A compiler writes many files one after another: the restart waits until it has been quiet for so long. */
const quietMs = 400;

/** API_RELOAD: runs the server in a process of its own, started anew whenever its built files change. Ends with a signal. */
export async function serveAndReload(): Promise<void> {
  const built = dirname(fileURLToPath(import.meta.url));
  let child: ChildProcess | null = null;
  let ending = false;
  const launch = () => {
    child = spawn(process.execPath, process.argv.slice(1), { stdio: 'inherit', env: { ...process.env, API_RELOAD: 'false' } });
  };
  const end = async (signal: NodeJS.Signals) => {
    if (!child || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
  let changedAt = 0;
  watch(built, { recursive: true }, () => (changedAt = Date.now()));
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      ending = true;
      void end(signal).then(() => process.exit(0));
    });
  }
  launch();
  for (;;) {
    await delay(quietMs / 2);
    if (ending || changedAt === 0 || Date.now() - changedAt < quietMs) continue;
    changedAt = 0;
    await end('SIGTERM');
    if (!ending) launch();
  }
}
