/** https://age-encryption.org/v1, loaded where something is encrypted: most starts need none of it. */
export const age = () => import('age-encryption');
