export { ConfigurationResolver } from './configuration.resolver.js';
