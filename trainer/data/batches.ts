import { randomStream } from '../numeric/random';
import { type SequenceTable, selectSequences, sequenceLength } from '../tokenizers/sequences';
import type { Batch, Role } from './batch';

/** A whole set of examples, encoded once. A position counts the examples of the set; a row those of the file. */
export interface Examples {
  rows: Int32Array;
  labels: Int32Array;
  /** What each model reads; null where the run has no such model. */
  inputs: Readonly<Record<Role, SequenceTable | null>>;
  /**
   * For each id of `inputs.teacher` the position in its example of the student's id for the same word; -1: none. Left out where
   * the method does not compare teacher and student word by word.
   */
  alignment?: Int32Array;
}

/** Batches of which a pool is sorted by length: as many as keep the order random enough (PyTorch reference). */
const poolBatches = 16;

/** The examples at `positions` of a set. */
export function batchOf(examples: Examples, positions: Int32Array): Batch {
  return {
    rows: positions.map((position) => examples.rows[position]!),
    labels: positions.map((position) => examples.labels[position]!),
    inputs: {
      student: examples.inputs.student && selectSequences(examples.inputs.student, positions),
      teacher: examples.inputs.teacher && selectSequences(examples.inputs.teacher, positions),
    },
    ...(examples.alignment && { alignment: alignmentOf(examples, positions) }),
  };
}

/** `Batch.alignment`: as that of the examples, with rows of the batch in place of positions in an example. */
function alignmentOf({ inputs, alignment }: Examples, positions: Int32Array): Int32Array {
  const { offsets } = inputs.teacher!;
  const rows: number[] = [];
  let first = 0;
  for (const position of positions) {
    for (let id = offsets[position]!; id < offsets[position + 1]!; id++)
      rows.push(alignment![id]! < 0 ? -1 : first + alignment![id]!);
    first += sequenceLength(inputs.student!, position);
  }
  return Int32Array.from(rows);
}

/**
 * The batches of an epoch, as positions: every example once, the last batch smaller where they do not divide. A
 * function of seed and epoch, so that a resumed run need not store an order.
 *
 * @param lengthAware Sorts by length within pools of 16 batches, then shuffles the batches: less padding.
 */
export function epochOrder(
  examples: Examples,
  batchSize: number,
  lengthAware: boolean,
  seed: number,
  epoch: number,
): Int32Array[] {
  const random = randomStream(seed, 'epoch', epoch, 'order');
  const order = random.shuffle(positionsOf(examples));
  if (!lengthAware) return chunks(order, batchSize);
  const pools = chunks(order, batchSize * poolBatches).map((pool) => sortedByLength(examples, pool));
  return random.shuffle(pools.flatMap((pool) => chunks(pool, batchSize)));
}

/**
 * The quiz batch of a step, as positions: without replacement within a pass, each pass in an order of its own. All are
 * of one size, since the size scales the meta-gradient: what is left of a pass is not drawn in it, and a set smaller than
 * a batch is the batch.
 *
 * @param step Counted from 0 over the whole run.
 */
export function quizOrder(examples: Examples, batchSize: number, seed: number, step: number): Int32Array {
  const batchesOfPass = Math.max(1, Math.floor(examples.rows.length / batchSize));
  const pass = Math.floor(step / batchesOfPass);
  const start = (step % batchesOfPass) * batchSize;
  return randomStream(seed, 'quiz', pass)
    .shuffle(positionsOf(examples))
    .slice(start, start + batchSize);
}

/** Batches for evaluation, as positions: every example once, by length, so that there is next to no padding. */
export function evaluationOrder(examples: Examples, batchSize: number): Int32Array[] {
  return chunks(sortedByLength(examples, positionsOf(examples)), batchSize);
}

const positionsOf = ({ rows }: Examples): Int32Array => rows.map((_, position) => position);

/** By the length that costs most: the teacher's if it reads the examples, else the student's. Equals keep their order. */
function sortedByLength({ inputs }: Examples, positions: Int32Array): Int32Array {
  const sequences = inputs.teacher ?? inputs.student;
  if (sequences === null) throw new Error('the examples are encoded for no model');
  return positions.slice().sort((a, b) => sequenceLength(sequences, a) - sequenceLength(sequences, b));
}

function chunks(positions: Int32Array, size: number): Int32Array[] {
  return Array.from({ length: Math.ceil(positions.length / size) }, (_, index) =>
    positions.slice(index * size, (index + 1) * size),
  );
}
