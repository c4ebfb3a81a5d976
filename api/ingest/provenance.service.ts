import { resultKey } from '../../contract/keys';
import { DamagedObjectError, orDamage } from '../../contract/objects/damaged-object';
import type { DataFile, Result } from '../../contract/records';
import type { Services } from '../context/context';
import { tellDamage } from '../shared/tell-damage';
import { readResult, readStoredAttempts } from './run-objects';

/** What a result was made from, as its trainer recorded it. */
export interface Provenance {
  /** Versions of the trainer, and of Node.js, over all attempts. */
  code: string[];
  node: string[];
  /** null: the result cannot be read. */
  rows: Result['rows'] | null;
  /** null: results of earlier trainers do not have it, and damaged ones cannot be read. */
  trainFile: DataFile | null;
  testFile: DataFile | null;
  /** Objects that could not be read, with what to do. */
  damage: string[];
}

/**
 * From the objects of the run: seldom asked for, so the records do without.
 * @param hasSucceeded whether the records know of a result, so that one that is gone is damage
 * @returns null while it has no result
 */
export async function findProvenance(
  { objects }: Services,
  runId: string,
  hasSucceeded: boolean,
): Promise<Provenance | null> {
  const [result, { attempts, damage }] = await Promise.all([
    orDamage(readResult(objects, runId)),
    readStoredAttempts(objects, runId),
  ]);
  if (result === null && !hasSucceeded) return null;
  const problem = result ?? new DamagedObjectError(resultKey(runId), 'it is missing');
  if (problem instanceof DamagedObjectError) {
    tellDamage(problem);
    damage.push(problem);
  }
  const read = problem instanceof DamagedObjectError ? null : problem;
  return {
    code: [...new Set(attempts.map(({ code }) => code))],
    node: [...new Set(attempts.map(({ node }) => node))],
    rows: read?.rows ?? null,
    trainFile: read?.dataFiles?.train ?? null,
    testFile: read?.dataFiles?.test ?? null,
    damage: damage.map(({ message }) => message),
  };
}
