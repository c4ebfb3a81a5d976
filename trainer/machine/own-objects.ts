import { runPrefix } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';

/**
 * The objects as a trainer may have them: it reads all, and writes and deletes those of its own run alone. Where one role
 * is that of all trainers the storage would let it write other runs too.
 * @throws Error before anything is sent, for a key of anything else
 */
export function ownObjects(objects: ObjectStore, runId: string): ObjectStore {
  const mustBeOwn = (key: string) => {
    if (!key.startsWith(runPrefix(runId)))
      throw new Error(`${key} is not of run ${runId}: its trainer leaves it as it is`);
  };
  return {
    ...objects,
    async write(key, ...rest) {
      mustBeOwn(key);
      return objects.write(key, ...rest);
    },
    async delete(key) {
      mustBeOwn(key);
      return objects.delete(key);
    },
  };
}
