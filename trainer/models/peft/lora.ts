import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { RandomStream } from '../../numeric/random';
import type { Weights } from '../../numeric/weights';
import { type LowRank, withLowRank } from '../../ops/linear';
import type { MatrixRole, ModelLayer } from '../model';
import { isMagnitudeName, magnitudeOf, mergedDora } from './dora';
import { chosenLayers } from './layers';

export interface LoraSettings {
  rank: number;
  alpha: number;
  /** rsLoRA; false if left out. */
  rankStabilised?: boolean;
  targets: readonly MatrixRole[];
  /** Layers, from 0 at the embedding; null: all. */
  layers: readonly number[] | null;
}

/** alpha / r; with rsLoRA (Kalajdzievski, 2023) alpha / sqrt(r), so that the size of the sum does not shrink as r grows. */
export const loraScale = ({ rank, alpha, rankStabilised }: Omit<LoraSettings, 'targets' | 'layers'>): number =>
  alpha / (rankStabilised ? Math.sqrt(rank) : rank);

const downName = (matrix: string): string => `${matrix}.lora_A`;
const upName = (matrix: string): string => `${matrix}.lora_B`;

/**
 * The matrices that get LoRA matrices, in order of layer and target.
 * @throws RangeError for a layer that the model does not have, or a target that a layer does not have
 */
export function loraMatrices(layers: readonly ModelLayer[], settings: Pick<LoraSettings, 'targets' | 'layers'>) {
  return chosenLayers(layers.length, settings.layers).flatMap((index) =>
    settings.targets.map((target) => {
      const matrix = layers[index]!.matrices[target];
      if (matrix === undefined)
        throw new RangeError(`loraTargets names "${target}", which layer ${index} does not have`);
      return matrix;
    }),
  );
}

/**
 * LoRA matrices (Hu et al., 2021): `<matrix>.lora_A` [r, i] ~ N(0, std 1/r) and `<matrix>.lora_B` [o, r] = 0, so that at first
 * they change nothing.
 *
 * @throws RangeError as `loraMatrices`
 */
export function initialiseLora(layers: readonly ModelLayer[], settings: LoraSettings, random: RandomStream): Weights {
  const { rank } = settings;
  const entries = loraMatrices(layers, settings).flatMap(({ name, shape: [outputs, inputs] }) => {
    const values = random.substream(downName(name)).fillNormal(new Float32Array(rank * inputs), 0, 1 / rank);
    return [
      [downName(name), tf.tensor2d(values, [rank, inputs])],
      [upName(name), tf.zeros([outputs, rank])],
    ] as const;
  });
  return Object.fromEntries(entries);
}

/** The low-rank part of a matrix; null if `weights` holds none for it. */
export function lowRankOf(weights: Weights, matrix: string, scale: number): LowRank | null {
  const down = weights[downName(matrix)] as Tensor2D | undefined;
  const up = weights[upName(matrix)] as Tensor2D | undefined;
  return down && up ? { down, up, scale } : null;
}

/**
 * The same model without LoRA and DoRA: W + s B A, its rows at their learnt lengths with DoRA, in place of each W that
 * has A and B. The other tensors are shared with `weights`, not copied: dispose of one set only, or clone first.
 */
export function mergeLora(weights: Weights, scale: number): Weights {
  const merged: Record<string, tf.Tensor> = {};
  for (const [name, weight] of Object.entries(weights)) {
    if (isLoraName(name)) continue;
    const matrix = name.endsWith('.weight') ? name.slice(0, -'.weight'.length) : '';
    const lowRank = lowRankOf(weights, matrix, scale);
    const magnitude = magnitudeOf(weights, matrix);
    if (lowRank === null) merged[name] = weight;
    else if (magnitude === null) merged[name] = withLowRank(weight as Tensor2D, lowRank);
    else merged[name] = mergedDora(weight as Tensor2D, lowRank, magnitude);
  }
  return merged;
}

/** Whether a weight of this name is one of LoRA or DoRA. */
export function isLoraName(name: string): boolean {
  return name.endsWith('.lora_A') || isLoraUp(name) || isMagnitudeName(name);
}

/** Whether a weight is a matrix B, which LoRA+ (Hayou et al., 2024) has learn faster than A. */
export const isLoraUp = (name: string): boolean => name.endsWith('.lora_B');
