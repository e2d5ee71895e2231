import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { lockDataDirectory } from '../database/data-lock.js';

/**
 * Runs ChromaDB's server as a child process that cannot outlive its parent. `chroma run` blocks its thread and hears no
 * signal, so it gets a thread of its own while the main thread waits for the end of standard input, a pipe from the
 * parent that the operating system closes however the parent ends.
 *
 * Arguments: <data path> <port>
 */
if (isMainThread) {
  const [path = '', port = ''] = process.argv.slice(2);
  process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'));
  process.stdin.on('error', () => process.kill(process.pid, 'SIGKILL'));
  process.stdin.resume();
  // Ctrl-C in a terminal reaches every process of the group: this one ends when its parent has finished with it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  // A predecessor that is about to die must have let go of the files first.
  await lockDataDirectory(dirname(path), 20_000, 'chroma.lock');
  const worker = new Worker(new URL(import.meta.url), { workerData: { path, port } });
  worker.on('error', (error) => {
    console.error(error);
    process.exit(1);
  });
  worker.on('exit', (code) => process.exit(code === 0 ? 1 : code));
} else {
  const { path, port } = workerData as { path: string; port: string };
  const packageFolder = join(dirname(createRequire(import.meta.url).resolve('chromadb')), '..', '..');
  process.argv = [process.execPath, 'chroma', 'run', '--path', path, '--host', '127.0.0.1', '--port', port];
  await import(join(packageFolder, 'dist', 'cli.mjs'));
}
