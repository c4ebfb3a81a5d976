import { resultKey, specKey } from '../../contract/keys';
import { DamagedObjectError, orDamage } from '../../contract/objects/damaged-object';
import type { ObjectStore } from '../../contract/objects/object-store';
import { readStored } from '../../contract/objects/stored-json';
import { type Result, resultSchema } from '../../contract/records';
import { type Checked, identifierSchema } from '../../contract/run-spec';
import type { ModelFiles } from '../models/model-files';
import { runFiles } from '../models/run-files';

export const invalid = (
  path: string,
  message: string,
): { kind: 'invalid'; problems: [{ path: string; message: string }] } => ({
  kind: 'invalid',
  problems: [{ path, message }],
});

/** Where runs are, and what the command line calls that. */
export interface StoredRuns {
  objects: ObjectStore;
  location: string;
}

/** The model that a finished run left behind, and its result. */
export async function modelOfRun(
  { objects, location }: StoredRuns,
  runId: string,
): Promise<Checked<{ result: Result; files: ModelFiles }>> {
  const isId = identifierSchema.safeParse(runId).success;
  const result = isId ? await orDamage(readStored(objects, resultKey(runId), resultSchema)) : null;
  if (result instanceof DamagedObjectError) return invalid('run', result.message);
  if (result !== null) {
    return { kind: 'valid', value: { result, files: runFiles(objects, result) } };
  }
  const isKnown = isId && (await objects.info(specKey(runId))) !== null;
  return invalid(
    'run',
    isKnown
      ? `run "${runId}" has no result yet: a model is there when it has succeeded`
      : `"${runId}" is neither a folder nor a run in ${location}: give the folder of a student, or the id of a run and by --objects where it is`,
  );
}
