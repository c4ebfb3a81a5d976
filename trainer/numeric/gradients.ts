import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { shareData } from '../ops/differentiable';
import type { Weights } from './weights';

type TapeNode = ReturnType<typeof tf.engine>['state']['activeTape'][number];

/** The gradient function of a tape node; operations of `differentiable.ts` also take the second argument. */
type NodeGradient = (
  outputGradients: (Tensor | null)[],
  needs: (input: string) => boolean,
) => Record<string, () => Tensor>;

/**
 * A loss and its gradient with respect to every entry of `weights`.
 *
 * Gradients bear the names of their weights; a weight the loss does not depend on gets zeros. Only what `weights` holds
 * gets a gradient: a frozen weight that `loss` closes over costs nothing in the backward pass, which ends at the lowest
 * operation that one of `weights` feeds. The gradient itself is not on any tape: second derivatives cannot be had by
 * nesting two calls.
 *
 * @param loss scalar of the weights; must not dispose of them
 */
export function valueAndGradients(
  loss: (weights: Weights) => Scalar,
  weights: Weights,
): { value: Scalar; gradients: Weights } {
  return tf.tidy(() => {
    const { value, gradients } = withPullback(loss, weights, (scalar) => ({ seed: tf.onesLike(scalar) }));
    return { value, gradients };
  });
}

/**
 * J^T seed: one forward pass, then the seed worked out from its value, then one backward pass with that seed.
 *
 * Whatever `seedOf` computes, `valueAndGradients` of other models included, is a constant: it is not differentiated and
 * does not lengthen the backward pass. So a meta step pays one forward and one backward pass through the teacher, since
 * the logits from which the seed is computed are those that are pulled back (docs/methods.md, "The meta-gradient").
 *
 * @param forward tensor of the weights, any shape
 * @param seedOf dL/dvalue as `seed`, of the shape of the value, and any tensors made on the way that the caller wants
 *   (a loss to log): they come back as `seeded`, the rest is disposed of
 * @throws Error where the seed has another shape, or an operation on the way has no gradient
 */
export function withPullback<Value extends Tensor, Seeded extends { seed: Tensor }>(
  forward: (weights: Weights) => Value,
  weights: Weights,
  seedOf: (value: Value) => Seeded,
): { value: Value; gradients: Weights; seeded: Seeded } {
  return tf.tidy(() => {
    const { value, tape } = recordTape(() => forward(weights));
    try {
      return withTape(null, () => {
        const seeded = seedOf(value);
        const valueGradient = seeded.seed;
        if (!tf.util.arraysEqual(valueGradient.shape, value.shape))
          throw new Error(`the seed of a pullback has shape [${valueGradient.shape}], its value [${value.shape}]`);
        return { value, gradients: pullBack(tape, value, valueGradient, weights), seeded };
      });
    } finally {
      for (const node of tape) releaseSaved(node);
    }
  });
}

/** Runs `forward` on a tape of its own. Its intermediate tensors go at once, but for those that gradients saved. */
function recordTape<Value extends Tensor>(forward: () => Value): { value: Value; tape: TapeNode[] } {
  const tape: TapeNode[] = [];
  try {
    return { value: withTape(tape, () => tf.tidy(forward)), tape };
  } catch (error) {
    for (const node of tape) releaseSaved(node);
    throw error;
  }
}

/** Makes `tape` the one that operations are recorded on while `run` runs; null: none. */
function withTape<T>(tape: TapeNode[] | null, run: () => T): T {
  const { state } = tf.engine();
  const { activeTape, gradientDepth, kernelDepth } = state;
  state.activeTape = tape as TapeNode[];
  state.gradientDepth = tape === null ? 0 : 1;
  state.kernelDepth = 0;
  try {
    return run();
  } finally {
    Object.assign(state, { activeTape, gradientDepth, kernelDepth });
  }
}

/**
 * The backward pass. TensorFlow.js's own (`engine.gradients`) keeps every intermediate gradient and every saved tensor
 * until its end; here both go as soon as they are used, and operations learn which of their inputs need a gradient.
 */
function pullBack(tape: TapeNode[], value: Tensor, valueGradient: Tensor, weights: Weights): Weights {
  const reached = new Set(Object.values(weights).map((weight) => weight.id));
  const isReached = (tensor: Tensor) => reached.has(tensor.id);
  const nodes = tape.filter((node) => {
    const reaches = Object.values(node.inputs).some(isReached);
    if (reaches) for (const output of node.outputs) reached.add(output.id);
    return reaches;
  });
  const gradients = new Map<number, Tensor>([[value.id, shareData(valueGradient)]]);
  for (const node of nodes.reverse()) {
    const outputGradients = node.outputs.map((output) => gradients.get(output.id) ?? null);
    if (outputGradients.every((gradient) => gradient === null)) continue;
    const needed = Object.keys(node.inputs).filter((name) => isReached(node.inputs[name]!));
    const inputGradients = tf.tidy(() => nodeGradients(node, outputGradients, needed));
    for (const output of node.outputs) {
      gradients.get(output.id)?.dispose();
      gradients.delete(output.id);
    }
    releaseSaved(node);
    needed.forEach((name, index) => {
      addGradient(gradients, node.inputs[name]!, inputGradients[index]!);
    });
  }
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [name, gradients.get(weight.id) ?? tf.zerosLike(weight)]),
  );
}

function nodeGradients(node: TapeNode, outputGradients: (Tensor | null)[], needed: string[]): Tensor[] {
  if (node.gradient === undefined) throw new Error(`operation ${node.kernelName} has no gradient`);
  const gradient = node.gradient as unknown as NodeGradient;
  const byInput = gradient(outputGradients, (name) => needed.includes(name));
  const seen = new Set<Tensor | null>(outputGradients);
  return needed.map((name) => {
    const given = byInput[name];
    if (given === undefined) throw new Error(`operation ${node.kernelName} has no gradient for its input ${name}`);
    const tensor = given();
    // An operation may hand its output's gradient through as it is, or give one tensor for two inputs.
    const own = seen.has(tensor) ? shareData(tensor) : tensor;
    seen.add(own);
    return own;
  });
}

function addGradient(gradients: Map<number, Tensor>, input: Tensor, gradient: Tensor): void {
  const before = gradients.get(input.id);
  gradients.set(input.id, before ? tf.add(before, gradient) : gradient);
  if (before) {
    before.dispose();
    gradient.dispose();
  }
}

function releaseSaved(node: TapeNode): void {
  for (const tensor of node.saved ?? []) tensor.dispose();
  node.saved = [];
}
