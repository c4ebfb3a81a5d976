import { DamagedObjectError, orDamage } from '../../contract/objects/damaged-object';
import type { ObjectStore } from '../../contract/objects/object-store';
import { readStored } from '../../contract/objects/stored-json';
import { jobManifestSchema } from '../../contract/records';

export type ChildRun = { kind: 'found'; runId: string } | { kind: 'refused'; messages: string[] };

/** The run of one child of an array job, by its place in the manifest of the job. */
export async function findChildRun(objects: ObjectStore, manifest: string, index: number): Promise<ChildRun> {
  const refused = (message: string): ChildRun => ({ kind: 'refused', messages: [message] });
  const stored = await orDamage(readStored(objects, manifest, jobManifestSchema));
  if (stored instanceof DamagedObjectError) return refused(stored.message);
  if (stored === null) return refused(`the manifest of the array job, ${manifest}, does not exist among the objects`);
  const runId = stored.runIds[index];
  return runId === undefined
    ? refused(`${manifest} has ${stored.runIds.length} runs, and this is child ${index}`)
    : { kind: 'found', runId };
}
