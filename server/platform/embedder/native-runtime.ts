import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type MessagePort } from 'node:worker_threads';

/**
 * onnxruntime-node 1.14 keeps a handle of whichever thread loaded it last in a static variable, and lets go of the one before when another
 * thread loads it: of a thread that has ended, or from beside one that runs. Either corrupts the heap ("free(): invalid pointer"), and once
 * every thread that has loaded it is gone it cannot be loaded at all ("Module did not self-register").
 *
 * So the main thread, which never ends, owns that handle whenever nobody loads: it stands still for the milliseconds in which a worker
 * loads, and takes the handle back before the worker goes on.
 */
const require = createRequire(import.meta.url);
const binding = join(require.resolve('onnxruntime-node'), '../../bin/napi-v3', process.platform, process.arch, 'onnxruntime_binding.node');

/** States of a gate, one for each worker. */
const [closed, open, loaded, released] = [0, 1, 2, 3];
/** A worker that died in between is not waited for. */
const longestLoadMs = 1000;

/** The main thread loads, and owns from now on. */
export function ownRuntime(): void {
  process.dlopen({ exports: {} }, binding);
}

export const newGate = (): Int32Array => new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** The main thread lets the worker behind a gate load. */
export function letIn(gate: Int32Array): void {
  Atomics.store(gate, 0, open!);
  Atomics.notify(gate, 0);
  Atomics.wait(gate, 0, open!, longestLoadMs);
  ownRuntime();
  Atomics.store(gate, 0, released!);
  Atomics.notify(gate, 0);
}

/** A worker loads, once `ask` has made the main thread call `letIn`. */
export function loadBehind(gate: Int32Array, ask: Pick<MessagePort, 'postMessage'>): void {
  ask.postMessage({ loading: true });
  Atomics.wait(gate, 0, closed!);
  require(binding);
  Atomics.store(gate, 0, loaded!);
  Atomics.notify(gate, 0);
  Atomics.wait(gate, 0, loaded!);
}
