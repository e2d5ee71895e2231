export { type Damage, type DamageKind } from './damage.js';
export { DifferenceLists, type ListedDamage } from './difference-lists.js';
export { differencesRoute } from './differences.route.js';
export { Repairer } from './repairer.js';
export { Verifier } from './verifier.js';
