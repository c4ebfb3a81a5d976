import { checkpointKey, checkpointStateFile, checkpointsPrefix, parseCheckpointKey } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import { type CheckpointState, checkpointStateSchema } from '../../contract/records';
import { listKeys } from './list-keys';
import { describeFile, faultOf } from './stored-file';

/** Files of a checkpoint by name: safetensors. */
export type CheckpointFiles = Readonly<Record<string, Uint8Array>>;

export interface Checkpoint {
  state: CheckpointState;
  files: CheckpointFiles;
}

/** Complete checkpoints that are kept: the newest, and one more in case that one turns out to be damaged. */
const keptCheckpoints = 2;

/**
 * Writes a checkpoint, its state last: until that is there the checkpoint does not count. Older ones beyond the newest two are
 * deleted. Where writing fails nothing of the checkpoint is left behind, unless deleting fails as well.
 */
export async function writeCheckpoint(
  objects: ObjectStore,
  runId: string,
  description: Omit<CheckpointState, 'version' | 'files'>,
  files: CheckpointFiles,
): Promise<void> {
  const { step } = description;
  const before = await checkpointKeys(objects, runId);
  try {
    for (const [name, body] of Object.entries(files)) await objects.write(checkpointKey(runId, step, name), body);
    const state: CheckpointState = {
      version: 1,
      ...description,
      files: Object.entries(files).map(([name, body]) => describeFile(name, body)),
    };
    await objects.write(checkpointKey(runId, step, checkpointStateFile), `${JSON.stringify(state, null, 2)}\n`);
  } catch (error) {
    const written = Object.keys(files).map((name) => checkpointKey(runId, step, name));
    if (!before.has(step)) await deleteKeys(objects, written).catch(() => {});
    throw error;
  }
  const wanted = new Set([checkpointStateFile, ...Object.keys(files)].map((name) => checkpointKey(runId, step, name)));
  await deleteKeys(
    objects,
    (before.get(step) ?? []).filter((key) => !wanted.has(key)),
  );
  await prune(objects, runId, before.set(step, [...wanted]));
}

/**
 * The newest complete and undamaged checkpoint of a run; null where there is none. Newer ones that cannot be used are deleted, so that
 * they never again stand in the place of a good one, and each is told of in `notes`.
 */
export async function readNewestCheckpoint(
  objects: ObjectStore,
  runId: string,
): Promise<{ checkpoint: Checkpoint | null; notes: string[] }> {
  const notes: string[] = [];
  const steps = [...(await checkpointKeys(objects, runId))].sort(([a], [b]) => b - a);
  for (const [step, keys] of steps) {
    const read = await readCheckpoint(objects, runId, step);
    if (read.kind === 'complete') return { checkpoint: read.checkpoint, notes };
    notes.push(`checkpoint of step ${step} left out: ${read.reason}`);
    await deleteKeys(objects, keys);
  }
  return { checkpoint: null, notes };
}

type ReadCheckpoint = { kind: 'complete'; checkpoint: Checkpoint } | { kind: 'unusable'; reason: string };

async function readCheckpoint(objects: ObjectStore, runId: string, step: number): Promise<ReadCheckpoint> {
  const stateBody = await objects.read(checkpointKey(runId, step, checkpointStateFile));
  if (stateBody === null) return { kind: 'unusable', reason: 'its writing was not finished' };
  const state = parseState(Buffer.from(stateBody).toString());
  if (state === null) return { kind: 'unusable', reason: `${checkpointStateFile} is not readable` };
  if (state.step !== step) return { kind: 'unusable', reason: `${checkpointStateFile} is that of step ${state.step}` };
  const files: Record<string, Uint8Array> = {};
  for (const file of state.files) {
    const body = await objects.read(checkpointKey(runId, step, file.name));
    if (body === null) return { kind: 'unusable', reason: `${file.name} is missing` };
    const fault = faultOf(file, body);
    if (fault !== null) return { kind: 'unusable', reason: `${file.name} ${fault}` };
    files[file.name] = body;
  }
  return { kind: 'complete', checkpoint: { state, files } };
}

function parseState(text: string): CheckpointState | null {
  try {
    return checkpointStateSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** Deletes all but the newest complete checkpoints, and what was never finished. */
async function prune(objects: ObjectStore, runId: string, checkpoints: ReadonlyMap<number, string[]>): Promise<void> {
  const complete = [...checkpoints].flatMap(([step, keys]) =>
    keys.includes(checkpointKey(runId, step, checkpointStateFile)) ? [step] : [],
  );
  const kept = complete.sort((a, b) => b - a).slice(0, keptCheckpoints);
  for (const [step, keys] of checkpoints) if (!kept.includes(step)) await deleteKeys(objects, keys);
}

/** The state goes first, so that what a kill leaves of a deleted checkpoint is an unfinished one. */
async function deleteKeys(objects: ObjectStore, keys: readonly string[]): Promise<void> {
  const isState = (key: string) => key.endsWith(`/${checkpointStateFile}`);
  for (const key of [...keys.filter(isState), ...keys.filter((key) => !isState(key))]) await objects.delete(key);
}

/** The keys of everything stored of each checkpoint, by step. */
async function checkpointKeys(objects: ObjectStore, runId: string): Promise<Map<number, string[]>> {
  const checkpoints = new Map<number, string[]>();
  for (const key of await listKeys(objects, checkpointsPrefix(runId))) {
    const step = parseCheckpointKey(key);
    if (step !== null) checkpoints.set(step, [...(checkpoints.get(step) ?? []), key]);
  }
  return checkpoints;
}
