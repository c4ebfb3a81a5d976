/**
 * Parameters for `fc.assert`, which prints the seed of a failure: STILLHOUSE_TEST_SEED takes it back. Without shrinking,
 * for properties that a failure leaves in another state than it found.
 */
export const seeded = () => ({
  endOnFailure: true,
  ...(process.env.STILLHOUSE_TEST_SEED === undefined ? {} : { seed: Number(process.env.STILLHOUSE_TEST_SEED) }),
});
