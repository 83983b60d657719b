/** Quanta in shared memory. */
export const RING = 64;
