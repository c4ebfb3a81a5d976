import * as tf from '@tensorflow/tfjs-core';
import { type Checkpoint, type CheckpointFiles, writeCheckpoint } from '../checkpoint/checkpoint';
import type { RunInputs } from '../inputs/run-inputs';
import type { Learner, TrainingState } from '../methods/method';
import { packWeights, unpackWeights } from '../models/weights-file';
import { mapWeights, type OptimizerState } from '../numeric/optimizers';
import type { Weights } from '../numeric/weights';
import { type Figures, sumFigures } from '../records/figures';
import type { RunRecords } from '../records/run-records';

/** The model of the epoch best on dev. */
export interface Selected {
  epoch: number;
  step: number;
  /** Accuracy on dev. */
  score: number;
  /** The weights that learned, as safetensors: kept on the host, since they are only needed at the end. */
  weights: Uint8Array;
}

export type Phase = 'load' | 'train' | 'evaluate' | 'checkpoint';

/** All of a run that changes while it trains. A checkpoint holds the whole of it. */
export interface Session {
  epoch: number;
  stepInEpoch: number;
  /** Steps done, over all epochs. */
  step: number;
  state: TrainingState;
  figures: Figures;
  /** null before the first evaluation. */
  selected: Selected | null;
  /** Seconds by phase, over all attempts. */
  seconds: Record<Phase, number>;
  /** Step of the last checkpoint and when it was written (`performance.now()`); null and the start: none yet. */
  savedStep: number | null;
  savedAt: number;
}

export function newSession(run: RunInputs): Session {
  return {
    epoch: 0,
    stepInEpoch: 0,
    step: 0,
    state: run.begin(),
    figures: sumFigures({}),
    selected: null,
    seconds: { ...noSeconds, load: run.loadSeconds },
    savedStep: null,
    savedAt: performance.now(),
  };
}

/** The learner whose weights are the model of the run. */
export function learnerOf(state: TrainingState, role: 'student' | 'teacher'): Learner {
  const learner = state[role];
  if (learner === null) throw new Error(`the run trains a ${role}, but its state holds none`);
  return learner;
}

/** Writes the session as a checkpoint, after the metrics that lead up to it. @throws NotFiniteError, nothing written. */
export async function saveSession(
  session: Session,
  { dataFiles }: Pick<RunInputs, 'dataFiles'>,
  records: RunRecords,
): Promise<void> {
  const startedAt = performance.now();
  await session.figures.readBack();
  await records.metrics.flush();
  const { epoch, stepInEpoch, step, state, figures, selected, seconds } = session;
  const files: Record<string, Uint8Array> = {};
  for (const [name, weights] of Object.entries(tensorFilesOf(state))) files[name] = await packWeights(weights);
  if (selected !== null) files[selectedFile(selected)] = selected.weights;
  await writeCheckpoint(
    records.objects,
    records.runId,
    {
      step,
      epoch,
      stepInEpoch,
      elapsedSeconds: records.elapsedSeconds(),
      attempt: records.attempt,
      accumulators: figures.state(),
      seconds: { ...seconds },
      optimizerSteps: Object.fromEntries(optimizersOf(state).map(([owner, optimizer]) => [owner, optimizer.step])),
      selected: selected && { epoch: selected.epoch, step: selected.step, score: selected.score },
      dataFiles,
    },
    files,
  );
  seconds.checkpoint += (performance.now() - startedAt) / 1000;
  Object.assign(session, { savedStep: step, savedAt: performance.now() });
}

/**
 * The session a checkpoint holds.
 * @throws Error where it does not fit the inputs of the run, which then changed since it was written.
 */
export function restoreSession({ state, files }: Checkpoint, run: RunInputs): Session {
  const fresh = run.begin();
  const { selected } = state;
  const session: Session = {
    epoch: state.epoch,
    stepInEpoch: state.stepInEpoch,
    step: state.step,
    state: restoreState(fresh, files, state.optimizerSteps),
    figures: sumFigures(state.accumulators),
    selected: selected && { ...selected, weights: fileOf(files, selectedFile(selected)) },
    seconds: { ...noSeconds, ...state.seconds },
    savedStep: state.step,
    savedAt: performance.now(),
  };
  session.seconds.load += run.loadSeconds;
  tf.dispose(fresh as unknown as tf.TensorContainer);
  return session;
}

/** `fresh` with the tensors of a checkpoint in place of its own. */
function restoreState(
  fresh: TrainingState,
  files: CheckpointFiles,
  steps: Readonly<Record<string, number>>,
): TrainingState {
  const restore = (file: string, weights: Weights): Weights => {
    if (Object.keys(weights).length === 0) return {};
    const stored = unpackWeights(fileOf(files, file));
    const misfit = Object.entries(weights).find(([name, { shape }]) => `${stored[name]?.shape}` !== `${shape}`);
    if (misfit === undefined) return mapWeights(weights, (_, name) => stored[name]!);
    throw new Error(
      `"${misfit[0]}" of the checkpoint's ${file} has shape [${stored[misfit[0]]?.shape}], that of the run's inputs ` +
        `[${misfit[1].shape}]: the data or the teacher changed since it was written; start the run anew under another id`,
    );
  };
  const optimizer = (old: OptimizerState, owner: string): OptimizerState => {
    const flat = restore(optimizerFile(owner), flatSlots(old));
    const slots = Object.entries(old.slots).map(([slot, weights]) => [
      slot,
      mapWeights(weights, (_, name) => flat[`${slot}/${name}`]!),
    ]);
    return { step: steps[owner] ?? 0, slots: Object.fromEntries(slots) };
  };
  const learner = (old: Learner | null, role: string): Learner | null =>
    old && { weights: restore(weightsFile(role), old.weights), optimizer: optimizer(old.optimizer, role) };
  return {
    student: learner(fresh.student, 'student'),
    teacher: learner(fresh.teacher, 'teacher'),
    pilot: fresh.pilot && optimizer(fresh.pilot, 'pilot'),
  };
}

/** The tensors of a state by checkpoint file and name. */
function tensorFilesOf(state: TrainingState): Record<string, Weights> {
  const files: Record<string, Weights> = {};
  for (const role of ['student', 'teacher'] as const)
    if (state[role] !== null) files[weightsFile(role)] = state[role].weights;
  for (const [owner, optimizer] of optimizersOf(state)) {
    const flat = flatSlots(optimizer);
    if (Object.keys(flat).length > 0) files[optimizerFile(owner)] = flat;
  }
  return files;
}

function optimizersOf({ student, teacher, pilot }: TrainingState): [string, OptimizerState][] {
  const owners = { student: student?.optimizer, teacher: teacher?.optimizer, pilot };
  return Object.entries(owners).flatMap(([owner, optimizer]) => (optimizer ? [[owner, optimizer]] : []));
}

/** All slots of an optimizer as one set of tensors: `exp_avg/embedding.weight`. */
function flatSlots({ slots }: OptimizerState): Weights {
  const named = Object.entries(slots).flatMap(([slot, weights]) =>
    Object.entries(weights).map(([name, tensor]) => [`${slot}/${name}`, tensor] as const),
  );
  return Object.fromEntries(named);
}

function fileOf(files: CheckpointFiles, name: string): Uint8Array {
  const body = files[name];
  if (body === undefined) throw new Error(`the checkpoint has no ${name}: the run was begun by another version`);
  return body;
}

const weightsFile = (role: string): string => `${role}.safetensors`;
const optimizerFile = (owner: string): string => `${owner}-optimizer.safetensors`;
/** Named by its epoch, so that a checkpoint written again at the same step never changes a file of the older one. */
const selectedFile = ({ epoch }: { epoch: number }): string => `selected-${String(epoch).padStart(4, '0')}.safetensors`;
const noSeconds: Record<Phase, number> = { load: 0, train: 0, evaluate: 0, checkpoint: 0 };
