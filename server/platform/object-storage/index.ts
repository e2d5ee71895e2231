export { ObjectStorage } from './object-storage.js';
