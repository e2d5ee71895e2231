export { type Latencies, RollingWindow } from './rolling-window.js';
