/** The seed to repeat a random test with: the whole number in STILLHOUSE_TEST_SEED; null without one. */
function givenSeed(): number | null {
  const given = process.env.STILLHOUSE_TEST_SEED;
  if (given === undefined || given === '') return null;
  const seed = Number(given);
  if (!Number.isSafeInteger(seed)) throw new Error(`STILLHOUSE_TEST_SEED is "${given}": give a whole number`);
  return seed;
}

/**
 * Parameters for `fc.assert`, which prints the seed of a failure: STILLHOUSE_TEST_SEED takes it back. Without shrinking,
 * for properties that a failure leaves in another state than it found.
 */
export const seeded = () => {
  const seed = givenSeed();
  return { endOnFailure: true, ...(seed === null ? {} : { seed }) };
};

/**
 * The seed of a test that draws at random: STILLHOUSE_TEST_SEED, or another one every time. It is printed, so that a
 * failure can be repeated.
 */
export function testSeed(): number {
  const seed = givenSeed() ?? Math.floor(Math.random() * 1_000_000);
  process.stderr.write(`${expect.getState().testPath}: STILLHOUSE_TEST_SEED=${seed}\n`);
  return seed;
}
