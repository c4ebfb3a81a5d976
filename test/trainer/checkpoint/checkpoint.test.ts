import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkpointKey, checkpointsPrefix } from '../../../contract/keys';
import { directoryObjectStore } from '../../../contract/objects/directory';
import type { ObjectStore } from '../../../contract/objects/object-store';
import type { CheckpointState } from '../../../contract/records';
import { readNewestCheckpoint, writeCheckpoint } from '../../../trainer/checkpoint/checkpoint';
import { listKeys } from '../../../trainer/checkpoint/list-keys';

const runId = 'run-1';
let folder: string;
let objects: ObjectStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stillhouse-checkpoint-'));
  objects = directoryObjectStore(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('checkpoints', () => {
  it('come back as they were written', async () => {
    await writeCheckpoint(objects, runId, stateAt(7), filesOf(7));

    const { checkpoint, notes } = await readNewestCheckpoint(objects, runId);

    expect(notes).toEqual([]);
    expect(checkpoint?.state).toMatchObject({ ...stateAt(7), version: 1 });
    expect(bodies(checkpoint?.files)).toEqual(bodies(filesOf(7)));
  });

  it('are none where nothing was written', async () => {
    expect(await readNewestCheckpoint(objects, runId)).toEqual({ checkpoint: null, notes: [] });
  });

  it('are kept two: the newest ones', async () => {
    for (const step of [1, 2, 10, 11]) await writeCheckpoint(objects, runId, stateAt(step), filesOf(step));

    expect(await storedSteps()).toEqual([10, 11]);
  });

  const damages: [string, (key: (file: string) => string) => Promise<unknown>, string][] = [
    ['whose state is missing', (key) => objects.delete(key('state.json')), 'its writing was not finished'],
    ['whose state is cut off', (key) => objects.write(key('state.json'), '{"version":1,'), 'not readable'],
    ['with a missing file', (key) => objects.delete(key('student.safetensors')), 'student.safetensors is missing'],
    ['with a file cut off', (key) => objects.write(key('student.safetensors'), 'st'), '2 of 18 bytes'],
    [
      'with a changed byte',
      (key) => objects.write(key('student.safetensors'), 'students_at step_ '),
      'SHA-256 differs',
    ],
  ];
  it.each(damages)('%s are passed over for the next older, and deleted', async (_, damage, reason) => {
    for (const step of [1, 2]) await writeCheckpoint(objects, runId, stateAt(step), filesOf(step));
    await damage((file) => checkpointKey(runId, 2, file));

    const { checkpoint, notes } = await readNewestCheckpoint(objects, runId);

    expect(checkpoint?.state.step).toBe(1);
    expect(notes).toEqual([expect.stringMatching(new RegExp(`^checkpoint of step 2 left out: .*${reason}`))]);
    expect(await storedSteps()).toEqual([1]);
  });

  it('are usable at every moment of being written again at the same step', async () => {
    await writeCheckpoint(objects, runId, stateAt(5), { ...filesOf(5), 'selected-0001': Buffer.from('old') });
    const again = { ...filesOf(5), 'selected-0002': Buffer.from('new') };
    for (let writes = 0; ; writes++) {
      const dying = diesAfter(writes);
      const finished = await writeCheckpoint(dying, runId, stateAt(5), again).then(
        () => true,
        () => false,
      );

      const { checkpoint, notes } = await readNewestCheckpoint(objects, runId);
      expect(notes).toEqual([]);
      expect(Object.keys(checkpoint?.files ?? {})).toHaveLength(2);
      if (finished) break;
    }
    expect(await listKeys(objects, checkpointsPrefix(runId))).toHaveLength(3);
  });

  it('leave nothing behind where the disk is full', async () => {
    await writeCheckpoint(objects, runId, stateAt(1), filesOf(1));
    const full: ObjectStore = {
      ...objects,
      write: async (key, body, options) => {
        if (key.endsWith('state.json')) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        return objects.write(key, body, options);
      },
    };

    await expect(writeCheckpoint(full, runId, stateAt(2), filesOf(2))).rejects.toMatchObject({ code: 'ENOSPC' });

    expect(await storedSteps()).toEqual([1]);
  });
});

/** The store as a process sees it that is killed after some changes: all later ones have no effect. */
function diesAfter(changes: number): ObjectStore {
  let left = changes;
  const alive = () => {
    left -= 1;
    if (left < 0) throw new Error('killed');
  };
  return {
    ...objects,
    write: async (key, body, options) => {
      alive();
      return objects.write(key, body, options);
    },
    delete: async (key) => {
      alive();
      return objects.delete(key);
    },
  };
}

async function storedSteps(): Promise<number[]> {
  const keys = await listKeys(objects, checkpointsPrefix(runId));
  return [...new Set(keys.map((key) => Number(key.split('/')[3])))];
}

const filesOf = (step: number) => ({ 'student.safetensors': Buffer.from(`students at step ${step}`.slice(0, 18)) });

const bodies = (files: Readonly<Record<string, Uint8Array>> = {}) =>
  Object.entries(files).map(([name, body]) => [name, Buffer.from(body).toString()]);

const stateAt = (step: number): Omit<CheckpointState, 'version' | 'files'> => ({
  step,
  epoch: 1,
  stepInEpoch: step,
  elapsedSeconds: 1.5,
  attempt: 1,
  accumulators: { 'epoch/train/loss': 0.1 + 0.2 },
  seconds: { train: 1 },
  optimizerSteps: { student: step },
  selected: null,
});
