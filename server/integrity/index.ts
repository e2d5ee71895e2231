export { type Damage, type DamageKind } from './damage.js';
export { Repairer } from './repairer.js';
export { Verifier } from './verifier.js';
