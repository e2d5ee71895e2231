export { BlobStore, type ReceivedFile } from './blob-store.js';
