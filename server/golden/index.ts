export { GoldenQueryEntity, GoldenRunEntity } from './golden.entity.js';
export { GoldenImportResolver, GoldenResolver, GoldenRunResolver } from './golden.resolver.js';
export { GoldenService } from './golden.service.js';
