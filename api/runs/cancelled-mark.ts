import { cancelledKey } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';

/**
 * Keeps with a run that somebody cancelled it, or that successive halving stopped it, for when the records are built anew
 * from the objects. Written before the records have it, so that none has it without its mark.
 */
export async function markAsCancelled(
  objects: ObjectStore,
  runId: string,
  details: { stoppedAtEpoch?: number } = {},
): Promise<void> {
  await objects.write(cancelledKey(runId), `${JSON.stringify({ at: new Date().toISOString(), ...details })}\n`);
}
