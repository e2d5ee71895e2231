// First: see there.
import './worker-runtime.js';
import { AutoModel, AutoTokenizer, env, type PreTrainedModel, type PreTrainedTokenizer } from '@xenova/transformers';
import ort, { type InferenceSession } from 'onnxruntime-node';
import { basename, dirname, join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

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

// transformers.js passes no session options on, and ONNX Runtime's default of one thread a core would starve the server.
// The file is named instead of its bytes: onnxruntime-node 1.14 heeds the options only then.
const create = ort.InferenceSession.create.bind(ort.InferenceSession) as (path: string, options: InferenceSession.SessionOptions) => Promise<InferenceSession>;
let threads = queryThreads;
(ort.InferenceSession as { create: unknown }).create = () =>
  create(join(folder, 'onnx', 'model_quantized.onnx'), { executionProviders: ['cpu'], intraOpNumThreads: threads, interOpNumThreads: 1 });

env.allowRemoteModels = false;
env.localModelPath = dirname(folder);

interface Tensor {
  data: Float32Array;
  dims: number[];
}

/** Mean over the token states, then unit length; a plain loop is 15-25 % faster than the pipeline's pooling. */
function pool({ data, dims }: Tensor): Float32Array {
  const [, tokens = 0, size = 0] = dims;
  const vector = new Float32Array(size);
  for (let token = 0; token < tokens; token++) {
    const offset = token * size;
    for (let i = 0; i < size; i++) vector[i]! += data[offset + i]!;
  }
  let norm = 0;
  for (let i = 0; i < size; i++) norm += vector[i]! * vector[i]!;
  norm = Math.sqrt(norm) || 1;
  for (let i = 0; i < size; i++) vector[i]! /= norm;
  return vector;
}

const options = { local_files_only: true };
const tokenizer = (await AutoTokenizer.from_pretrained(basename(folder), options)) as PreTrainedTokenizer;
const models = new Map<number, Promise<PreTrainedModel>>();

/**
 * The model with so many threads. A query on its own wants all cores for a moment; passages, and queries that come together,
 * of which several workers do one each, are done faster by one thread apiece.
 */
function modelWith(wanted: number): Promise<PreTrainedModel> {
  let model = models.get(wanted);
  if (!model) {
    threads = wanted;
    model = AutoModel.from_pretrained(basename(folder), { ...options, quantized: true });
    models.set(wanted, model);
  }
  return model;
}

async function embed(text: string, allThreads: boolean): Promise<Float32Array> {
  const inputs = (await tokenizer(text, { truncation: true, max_length: maxTokens })) as unknown;
  const model = await modelWith(allThreads ? queryThreads : passageThreads);
  const output = (await model(inputs)) as { last_hidden_state: Tensor };
  return pool(output.last_hidden_state);
}

const warm = await embed('query: ready', queryThreads > 0);

port.on('message', (request: WorkerRequest) => {
  embed(request.text, request.allThreads).then(
    (vector) => port.postMessage({ id: request.id, vector } satisfies WorkerReply, [vector.buffer as ArrayBuffer]),
    (error: unknown) => port.postMessage({ id: request.id, error: error instanceof Error ? error.message : String(error) } satisfies WorkerReply),
  );
});
port.postMessage({ ready: warm.length } satisfies WorkerReply);
// The other session is made before it is needed: the first queries to come together would wait for it.
if (queryThreads > 0) await modelWith(passageThreads);
