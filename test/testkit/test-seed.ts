/**
 * The seed of a test that draws at random: STILLHOUSE_TEST_SEED, else another one every time. It is printed, so that a
 * failure can be repeated.
 */
export function testSeed(): number {
  const given = process.env.STILLHOUSE_TEST_SEED;
  const seed = given === undefined || given === '' ? Math.floor(Math.random() * 1_000_000) : Number(given);
  if (!Number.isSafeInteger(seed)) throw new Error(`STILLHOUSE_TEST_SEED is "${given}": give a whole number`);
  process.stderr.write(`${expect.getState().testPath}: STILLHOUSE_TEST_SEED=${seed}\n`);
  return seed;
}
