import type { ObjectStore } from '../../contract/objects/object-store';
import { jobManifestSchema } from '../../contract/records';

export type ChildRun = { kind: 'found'; runId: string } | { kind: 'refused'; messages: string[] };

/** The run of one child of an array job, by its place in the manifest of the job. */
export async function findChildRun(objects: ObjectStore, manifest: string, index: number): Promise<ChildRun> {
  const refused = (message: string): ChildRun => ({ kind: 'refused', messages: [message] });
  const body = await objects.read(manifest);
  if (body === null) return refused(`the manifest of the array job, ${manifest}, does not exist among the objects`);
  const parsed = jobManifestSchema.safeParse(JSON.parse(Buffer.from(body).toString()));
  if (!parsed.success) return refused(`${manifest} is no manifest of an array job`);
  const runId = parsed.data.runIds[index];
  return runId === undefined
    ? refused(`${manifest} has ${parsed.data.runIds.length} runs, and this is child ${index}`)
    : { kind: 'found', runId };
}
