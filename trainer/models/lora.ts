import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { RandomStream } from '../numeric/random';
import type { Weights } from '../numeric/weights';
import { type LowRank, withLowRank } from '../ops/linear';
import { type BertConfig, bertShapes, chosenLayers, layerName } from './bert-config';
import { isMagnitudeName, magnitudeOf, mergedDora } from './dora';

export type LoraTarget = 'query' | 'key' | 'value' | 'attention-output' | 'intermediate' | 'output';

export interface LoraSettings {
  rank: number;
  alpha: number;
  /** rsLoRA; false where left out. */
  rankStabilised?: boolean;
  targets: readonly LoraTarget[];
  /** Encoder layers, from 0 at the embedding; null: all. */
  layers: readonly number[] | null;
}

/** alpha / r; with rsLoRA (Kalajdzievski, 2023) alpha / sqrt(r), so that what is added keeps its size as r grows. */
export const loraScale = ({ rank, alpha, rankStabilised }: Omit<LoraSettings, 'targets' | 'layers'>): number =>
  alpha / (rankStabilised ? Math.sqrt(rank) : rank);

/** Place of each target within a layer. */
const places: Readonly<Record<LoraTarget, string>> = {
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  'attention-output': 'attention.output.dense',
  intermediate: 'intermediate.dense',
  output: 'output.dense',
};

const downName = (projection: string): string => `${projection}.lora_A`;
const upName = (projection: string): string => `${projection}.lora_B`;

/**
 * Names of the projections that get LoRA matrices: `encoder.layer.0.attention.self.query`, ...
 * @throws RangeError where a layer is named that the encoder does not have
 */
export function loraProjections(config: BertConfig, { targets, layers }: LoraSettings): string[] {
  return chosenLayers(config, layers).flatMap((layer) =>
    targets.map((target) => `${layerName(layer)}.${places[target]}`),
  );
}

/**
 * LoRA matrices for a BERT encoder (Hu et al., 2021): `<projection>.lora_A` [r, i] ~ N(0, std 1/r) and
 * `<projection>.lora_B` [o, r] = 0, so that at first they change nothing.
 *
 * @throws RangeError where a layer is named that the encoder does not have
 */
export function initialiseLora(config: BertConfig, settings: LoraSettings, random: RandomStream): Weights {
  const { rank } = settings;
  const shapes = bertShapes(config, 1);
  const entries = loraProjections(config, settings).flatMap((projection) => {
    const [outputs, inputs] = shapes[`${projection}.weight`] as [number, number];
    const values = random.substream(downName(projection)).fillNormal(new Float32Array(rank * inputs), 0, 1 / rank);
    return [
      [downName(projection), tf.tensor2d(values, [rank, inputs])],
      [upName(projection), tf.zeros([outputs, rank])],
    ] as const;
  });
  return Object.fromEntries(entries);
}

/** The low-rank part of a projection; null where `weights` holds none for it. */
export function lowRankOf(weights: Weights, projection: string, scale: number): LowRank | null {
  const down = weights[downName(projection)] as Tensor2D | undefined;
  const up = weights[upName(projection)] as Tensor2D | undefined;
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
    const projection = name.endsWith('.weight') ? name.slice(0, -'.weight'.length) : '';
    const lowRank = lowRankOf(weights, projection, scale);
    const magnitude = magnitudeOf(weights, projection);
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
