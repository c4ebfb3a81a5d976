import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { adamUpdate, halfSquaredNorm } from '../engine/kernels';
import type { Weights } from './weights';

/**
 * What an optimizer remembers: the number of updates made, and moments by slot name (those of PyTorch), each with
 * one tensor a weight. A checkpoint stores it as it is.
 */
export interface OptimizerState {
  readonly step: number;
  readonly slots: Readonly<Record<string, Weights>>;
}

interface Rates {
  /** Factor of the learning rate of a weight, by its name; by default 1. */
  rateFactor?: (name: string) => number;
}

interface Decay {
  /** Factor of the weight in the gradient (of the weight itself in AdamW). */
  weightDecay?: number;
  /** Which weights decay; by default all. */
  decays?: (weight: Tensor) => boolean;
}

type SgdSettings = { name: 'sgd'; momentum?: number; dampening?: number; nesterov?: boolean };
type RmspropSettings = { name: 'rmsprop'; smoothing?: number; epsilon?: number; momentum?: number; centered?: boolean };
type AdamSettings = { name: 'adam' | 'adamw'; beta1?: number; beta2?: number; epsilon?: number };

/** Hyper-parameters besides the learning rate; defaults are PyTorch's. */
export type OptimizerSettings = Decay & Rates & (SgdSettings | RmspropSettings | AdamSettings);

/** An optimizer is two pure functions. */
export interface Optimizer {
  initialState(weights: Weights): OptimizerState;
  /**
   * One update. All tensors of the result are new; none given is disposed of.
   * @throws where a gradient is missing.
   */
  update(
    weights: Weights,
    state: OptimizerState,
    gradients: Weights,
    learningRate: number,
  ): { weights: Weights; state: OptimizerState };
}

type Slots = Record<string, Tensor>;
type Updated = { weight: Tensor; slots: Slots };
/** How one weight and its slots follow from the old ones and the gradient; `decay` is the weight's, 0: none. */
type Rule = (weight: Tensor, gradient: Tensor, slots: Readonly<Slots>, decay: number) => Updated;

/** The usual exemption of BERT: matrices decay, biases and layer norms do not. */
export const decaysMatricesOnly = (weight: Tensor): boolean => weight.rank >= 2;

/**
 * SGD, RMSprop, Adam or AdamW as PyTorch defines them (torch.optim, non-fused). With g the gradient, t the number of
 * this update, and g <- g + weightDecay * theta first, except in AdamW:
 *
 *     sgd      buf = mu buf + (1 - dampening) g (t = 1: buf = g);  theta -= lr * buf, or lr * (g + mu buf) with nesterov
 *     rmsprop  s = a s + (1 - a) g²;  d = g / (sqrt(s [- mean²]) + eps);  theta -= lr * d, or lr * (mu buf + d)
 *     adam     m = b1 m + (1 - b1) g;  s = b2 s + (1 - b2) g²
 *              theta -= lr / (1 - b1^t) * m / (sqrt(s / (1 - b2^t)) + eps)
 *     adamw    theta *= 1 - lr * weightDecay, then as adam  (Loshchilov and Hutter, 2019)
 *
 * Adam is one kernel a weight, since a full teacher has 22.7 M of them; RMSprop 9, plain SGD 2. Temporaries of one weight are freed
 * before the next.
 */
export function createOptimizer(settings: OptimizerSettings): Optimizer {
  const slotNames = slotNamesOf(settings);
  const { weightDecay = 0, decays = () => true, rateFactor = () => 1 } = settings;
  return {
    initialState: (weights) => ({
      step: 0,
      slots: Object.fromEntries(slotNames.map((slot) => [slot, mapWeights(weights, (weight) => tf.zerosLike(weight))])),
    }),
    update: (weights, state, gradients, learningRate) => {
      const step = state.step + 1;
      const updated: Slots = {};
      const slots: Record<string, Slots> = Object.fromEntries(slotNames.map((slot) => [slot, {}]));
      for (const [name, weight] of Object.entries(weights)) {
        const gradient = gradients[name];
        if (gradient === undefined) throw new Error(`the optimizer was given no gradient of "${name}"`);
        const old = Object.fromEntries(slotNames.map((slot) => [slot, state.slots[slot]![name]!]));
        const decay = decays(weight) ? weightDecay : 0;
        const rule = ruleOf(settings, step, learningRate * rateFactor(name));
        const next = tf.tidy(() => rule(weight, gradient, old, decay));
        updated[name] = next.weight;
        for (const slot of slotNames) slots[slot]![name] = next.slots[slot]!;
      }
      return { weights: updated, state: { step, slots } };
    },
  };
}

function slotNamesOf(settings: OptimizerSettings): string[] {
  switch (settings.name) {
    case 'sgd':
      return settings.momentum ? ['momentum'] : [];
    case 'rmsprop':
      return ['meanSquare', ...(settings.centered ? ['meanGradient'] : []), ...(settings.momentum ? ['momentum'] : [])];
    case 'adam':
    case 'adamw':
      return ['meanGradient', 'meanSquare'];
  }
}

function ruleOf(settings: OptimizerSettings, step: number, learningRate: number): Rule {
  switch (settings.name) {
    case 'adam':
    case 'adamw':
      return adamRuleOf(settings, step, learningRate);
    case 'sgd':
    case 'rmsprop': {
      const rule = undecayedRuleOf(settings, step, learningRate);
      return (weight, gradient, slots, decay) =>
        rule(weight, decay === 0 ? gradient : tf.add(gradient, tf.mul(weight, decay)), slots);
    }
  }
}

/** The two bias corrections are folded into learning rate and epsilon. */
function adamRuleOf(settings: AdamSettings, step: number, learningRate: number): Rule {
  const { name, beta1 = ADAM.beta1, beta2 = ADAM.beta2, epsilon = ADAM.epsilon } = settings;
  // The betas as the kernel has them, in float32: 1 - 0.999 differs from that by 1e-5 of itself.
  const correction1 = 1 - Math.fround(beta1) ** step;
  const rootOfCorrection2 = Math.sqrt(1 - Math.fround(beta2) ** step);
  const constants = { beta1, beta2, rate: (learningRate * rootOfCorrection2) / correction1 };
  return (weight, gradient, slots, decay) => {
    const next = adamUpdate(
      { weight, gradient, meanGradient: slots.meanGradient!, meanSquare: slots.meanSquare! },
      {
        ...constants,
        epsilon: epsilon * rootOfCorrection2,
        gradientDecay: name === 'adam' ? decay : 0,
        keep: name === 'adamw' ? 1 - learningRate * decay : 1,
      },
    );
    return { weight: next.weight, slots: { meanGradient: next.meanGradient, meanSquare: next.meanSquare } };
  };
}

type UndecayedRule = (weight: Tensor, gradient: Tensor, slots: Readonly<Slots>) => Updated;

function undecayedRuleOf(settings: SgdSettings | RmspropSettings, step: number, learningRate: number): UndecayedRule {
  switch (settings.name) {
    case 'sgd': {
      const { momentum = 0, dampening = 0, nesterov = false } = settings;
      if (momentum === 0) return (weight, gradient) => ({ weight: descend(weight, gradient, learningRate), slots: {} });
      return (weight, gradient, slots) => {
        const buffer =
          step === 1 ? tf.clone(gradient) : tf.add(tf.mul(slots.momentum!, momentum), tf.mul(gradient, 1 - dampening));
        const direction = nesterov ? tf.add(gradient, tf.mul(buffer, momentum)) : buffer;
        return { weight: descend(weight, direction, learningRate), slots: { momentum: buffer } };
      };
    }
    case 'rmsprop': {
      const { smoothing = RMSPROP.smoothing, epsilon = RMSPROP.epsilon, momentum = 0, centered = false } = settings;
      return (weight, gradient, slots) => {
        const meanSquare = movingMean(slots.meanSquare!, tf.square(gradient), smoothing);
        const next: Slots = { meanSquare };
        if (centered) next.meanGradient = movingMean(slots.meanGradient!, gradient, smoothing);
        const variance = centered ? tf.sub(meanSquare, tf.square(next.meanGradient!)) : meanSquare;
        let direction = tf.div(gradient, tf.add(tf.sqrt(variance), epsilon));
        if (momentum !== 0) {
          direction = tf.add(tf.mul(slots.momentum!, momentum), direction);
          next.momentum = direction;
        }
        return { weight: descend(weight, direction, learningRate), slots: next };
      };
    }
  }
}

/** Defaults of torch.optim, Adam's betas in float32 as its kernel has them; the derivative of a pilot update needs them too. */
export const RMSPROP = { smoothing: 0.99, epsilon: 1e-8 } as const;
export const ADAM = { beta1: Math.fround(0.9), beta2: Math.fround(0.999), epsilon: 1e-8 } as const;

const descend = (weight: Tensor, direction: Tensor, rate: number): Tensor => tf.sub(weight, tf.mul(direction, rate));

const movingMean = (mean: Tensor, value: Tensor, keep: number): Tensor =>
  tf.add(tf.mul(mean, keep), tf.mul(value, 1 - keep));

/**
 * Scales gradients so that their global norm is at most `largestNorm`: all are multiplied by min(1, largestNorm / (norm + 1e-6)), as
 * torch.nn.utils.clip_grad_norm_ does. A NaN anywhere makes `norm` NaN.
 *
 * @param largestNorm null: the gradients are returned as they are.
 * @returns the gradients, and their norm before clipping, left on the device.
 */
export function clipByGlobalNorm(gradients: Weights, largestNorm: number | null): { gradients: Weights; norm: Scalar } {
  const norm = globalNorm(gradients);
  if (largestNorm === null) return { gradients, norm };
  const factor = tf.tidy(() => tf.minimum(1, tf.div(largestNorm, tf.add(norm, 1e-6))));
  const clipped = mapWeights(gradients, (gradient) => tf.mul(gradient, factor));
  factor.dispose();
  return { gradients: clipped, norm };
}

/** The Euclidean norm of all weights together. */
export function globalNorm(weights: Weights): Scalar {
  return tf.tidy(() => {
    const halves = Object.values(weights).map(halfSquaredNorm);
    return tf.sqrt(tf.mul(tf.sum(tf.stack(halves)), 2)) as Scalar;
  });
}

/** Applies `f` to every weight. */
export function mapWeights(weights: Weights, f: (weight: Tensor, name: string) => Tensor): Weights {
  return Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, f(weight, name)]));
}
