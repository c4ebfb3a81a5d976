import { modelKey } from '../../contract/keys';
import { DamagedObjectError } from '../../contract/objects/damaged-object';
import type { ObjectStore } from '../../contract/objects/object-store';
import type { Result } from '../../contract/records';
import { faultOf } from '../checkpoint/stored-file';
import type { ModelFiles } from './model-files';

/**
 * The model of a finished run.
 * @throws DamagedObjectError on reading a file that is missing, or is not the one of the result
 */
export const runFiles = (objects: ObjectStore, { runId, modelFiles = [] }: Result): ModelFiles => ({
  location: modelKey(runId, '').slice(0, -1),
  read: async (name) => {
    const key = modelKey(runId, name);
    const body = await objects.read(key);
    const file = modelFiles.find((candidate) => candidate.name === name);
    if (file === undefined) return body;
    if (body === null) throw new DamagedObjectError(key, 'it is missing');
    const fault = faultOf(file, body);
    if (fault !== null) throw new DamagedObjectError(key, `it ${fault}`);
    return body;
  },
});
