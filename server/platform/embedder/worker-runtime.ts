import { parentPort, workerData } from 'node:worker_threads';
import { type WorkerSetup } from './embedder-worker.js';
import { loadBehind } from './native-runtime.js';

// In a module of its own, which is imported first: whatever else a worker imports loads ONNX Runtime by itself.
if (parentPort) loadBehind((workerData as WorkerSetup).gate, parentPort);
