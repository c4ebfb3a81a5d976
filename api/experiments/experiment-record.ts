import { z } from 'zod';
import { experimentKey, experimentsPrefix } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import { readStored } from '../../contract/objects/stored-json';
import type { ExperimentTable } from '../database/tables';

/** An experiment as the objects keep it: what is needed, beside its runs, to have its record again. */
const experimentRecordSchema = z.strictObject({
  version: z.literal(1),
  id: z.string(),
  definition: z.record(z.string(), z.unknown()),
  clonedFrom: z.string().nullable(),
  createdAt: z.string(),
  launchedAt: z.string().nullable(),
});
export type ExperimentRecord = z.output<typeof experimentRecordSchema>;

/** Keeps an experiment in the objects; a definition never changes, so what is there already stays. */
export async function writeExperimentRecord(objects: ObjectStore, experiment: ExperimentTable): Promise<void> {
  const record: ExperimentRecord = {
    version: 1,
    id: experiment.id,
    definition: JSON.parse(experiment.definition),
    clonedFrom: experiment.cloned_from,
    createdAt: experiment.created_at,
    launchedAt: experiment.launched_at,
  };
  await objects.write(experimentKey(experiment.id), `${JSON.stringify(record, null, 2)}\n`, { if: 'absent' });
}

/** null where nothing is stored. @throws DamagedObjectError where it is not an experiment */
export const readExperimentRecord = (objects: ObjectStore, key: string): Promise<ExperimentRecord | null> =>
  readStored(objects, key, experimentRecordSchema);

export const isExperimentKey = (key: string): boolean => key.startsWith(experimentsPrefix) && key.endsWith('.json');
