/** A stored object cannot be what was written there: it was cut off, changed, or is missing beside what needs it. */
export class DamagedObjectError extends Error {
  override readonly name = 'DamagedObjectError';

  /**
   * @param key the object
   * @param fault how the damage shows, such as "it is empty"
   */
  constructor(
    readonly key: string,
    readonly fault: string,
  ) {
    super(`${key} is damaged (${fault}): ${repairOf(key)}`);
  }
}

/** What to do about a damaged object, by the kind of its key (contract/keys.ts). */
const repairs: readonly (readonly [RegExp, string])[] = [
  [/\/history\.parquet$/, 'restore it from a copy, or delete it: the history is then read from the metrics chunks'],
  [/\/metrics\//, 'restore it from a copy and run npm run reindex; without a copy the history lacks its values'],
  [/\/attempts\/\d+\.end\.json$/, 'restore it from a copy, or delete it: the attempt then counts as lost'],
  [/\/attempts\//, 'restore it from a copy and run npm run reindex; without a copy the attempt stays unknown'],
  [/\/predictions\//, 'restore it from a copy; without one, comparisons make no tests by example with this run'],
  [/\/result\.json$/, 'restore it from a copy; without one, clone the experiment to carry the run out again'],
  [/\/spec\.json$/, 'restore it from a copy, or delete it and retry the run: the server writes it again'],
  [/\/progress\.json$/, 'delete it: the next sign of life of the trainer writes it again'],
  [/\/cancelled\.json$/, 'delete it, and cancel the run again if it should end'],
  [/\/checkpoints\//, 'restore it from a copy, or delete it: the run then continues from the checkpoint before'],
  [/\/model\//, 'restore it from a copy; without one, clone the experiment to carry the run out again'],
  [/^experiments\//, 'restore it from a copy, or delete it: the definition is then made from the specs of the runs'],
  [/^jobs\//, 'restore it from a copy, or retry the runs of the job'],
];

const repairOf = (key: string): string =>
  repairs.find(([pattern]) => pattern.test(key))?.[1] ?? 'restore it from a copy';

/** What was read, or how it is damaged. @throws what else stood in the way */
export async function orDamage<T>(reading: Promise<T>): Promise<T | DamagedObjectError> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof DamagedObjectError) return error;
    throw error;
  }
}
