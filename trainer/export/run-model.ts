import { modelKey, resultKey, specKey } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import { type Result, resultSchema } from '../../contract/records';
import { type Checked, identifierSchema } from '../../contract/run-spec';
import type { ModelFiles } from '../models/model-files';

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
  const body = identifierSchema.safeParse(runId).success ? await objects.read(resultKey(runId)) : null;
  if (body !== null) {
    const files = {
      location: modelKey(runId, '').slice(0, -1),
      read: (file: string) => objects.read(modelKey(runId, file)),
    };
    return { kind: 'valid', value: { result: resultSchema.parse(JSON.parse(Buffer.from(body).toString())), files } };
  }
  const isKnown = identifierSchema.safeParse(runId).success && (await objects.info(specKey(runId))) !== null;
  return invalid(
    'run',
    isKnown
      ? `run "${runId}" has no result yet: a model is there when it has succeeded`
      : `"${runId}" is neither a folder nor a run in ${location}: give the folder of a student, or the id of a run and by --objects where it is`,
  );
}
