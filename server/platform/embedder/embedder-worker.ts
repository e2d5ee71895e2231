// First: see there.
import './worker-runtime.js';
import ort, { type InferenceSession, type Tensor } from 'onnxruntime-node';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { loadTokenizer } from '../tokenizer/index.js';

export interface WorkerSetup {
  folder: string;
  /** Behind which ONNX Runtime is loaded. */
  gate: Int32Array;
  /** ONNX Runtime threads for a query, and for a passage. */
  queryThreads: number;
  passageThreads: number;
}
export interface WorkerRequest {
  id: number;
  text: string;
  /** Whether the session with `queryThreads` does it. */
  allThreads: boolean;
}
export type WorkerReply = { loading: true } | { ready: number } | { id: number; vector: Float32Array } | { id: number; error: string };

const maxTokens = 512;
const { folder, queryThreads, passageThreads } = workerData as WorkerSetup;
const port = parentPort;
if (!port) throw new Error('embedder-worker runs as a worker thread only');

/** Mean over the token states, then unit length; a plain loop is 15-25 % faster than the pipeline's pooling. */
function pool({ data, dims }: Tensor): Float32Array {
  const states = data as Float32Array;
  const [, tokens = 0, size = 0] = dims;
  const vector = new Float32Array(size);
  for (let token = 0; token < tokens; token++) {
    const offset = token * size;
    for (let i = 0; i < size; i++) vector[i]! += states[offset + i]!;
  }
  let norm = 0;
  for (let i = 0; i < size; i++) norm += vector[i]! * vector[i]!;
  norm = Math.sqrt(norm) || 1;
  for (let i = 0; i < size; i++) vector[i]! /= norm;
  return vector;
}

const tokenizer = await loadTokenizer(folder);
const sessions = new Map<number, Promise<InferenceSession>>();

/**
 * The model with so many threads. A query on its own wants all cores for a moment; passages, and queries that come together,
 * of which several workers do one each, are done faster by one thread apiece. transformers.js passes no such option on, and ONNX Runtime's
 * default of one thread a core would starve the server: the session is made here. The file is named instead of its bytes, because
 * onnxruntime-node 1.14 heeds the options only then.
 */
function sessionWith(threads: number): Promise<InferenceSession> {
  let session = sessions.get(threads);
  if (!session) {
    const options = { executionProviders: ['cpu'], intraOpNumThreads: threads, interOpNumThreads: 1 };
    session = ort.InferenceSession.create(join(folder, 'onnx', 'model_quantized.onnx'), options);
    sessions.set(threads, session);
  }
  return session;
}

/** What the model is fed, a batch of one. */
function inputsOf(text: string, names: readonly string[]): Record<string, Tensor> {
  const ids = BigInt64Array.from(tokenizer.encode(text).slice(0, maxTokens), BigInt);
  const fed: Record<string, BigInt64Array | undefined> = { input_ids: ids, attention_mask: new BigInt64Array(ids.length).fill(1n) };
  // Of one segment only, as token_type_ids tells.
  return Object.fromEntries(names.map((name) => [name, new ort.Tensor('int64', fed[name] ?? new BigInt64Array(ids.length), [1, ids.length])]));
}

async function embed(text: string, allThreads: boolean): Promise<Float32Array> {
  const session = await sessionWith(allThreads ? queryThreads : passageThreads);
  const { last_hidden_state: states } = await session.run(inputsOf(text, session.inputNames));
  if (!states) throw new Error('the model gives no last_hidden_state');
  return pool(states);
}

const warm = await embed('query: ready', queryThreads > 0);

port.on('message', (request: WorkerRequest | 'end') => {
  // Between two runs of the model, which end the whole process where they are cut off.
  if (request === 'end') process.exit();
  embed(request.text, request.allThreads).then(
    (vector) => port.postMessage({ id: request.id, vector } satisfies WorkerReply, [vector.buffer as ArrayBuffer]),
    (error: unknown) => port.postMessage({ id: request.id, error: error instanceof Error ? error.message : String(error) } satisfies WorkerReply),
  );
});
port.postMessage({ ready: warm.length } satisfies WorkerReply);
// The other session is made before it is needed: the first queries to come together would wait for it.
if (queryThreads > 0) await sessionWith(passageThreads);
