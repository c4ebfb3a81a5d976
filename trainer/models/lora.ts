import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LowRank } from '../ops/linear';
import type { RandomStream } from '../random';
import { type BertConfig, layerName } from './bert-config';
import type { Weights } from './weights';

export type LoraTarget = 'query' | 'key' | 'value';

export interface LoraSettings {
  rank: number;
  /** Scale is alpha / rank. */
  alpha: number;
  targets: readonly LoraTarget[];
  /** Encoder layers, from 0 at the embedding; null: all. */
  layers: readonly number[] | null;
}

const downName = (projection: string): string => `${projection}.lora_A`;
const upName = (projection: string): string => `${projection}.lora_B`;

/** Names of the projections that get LoRA matrices: `encoder.layer.0.attention.self.query`, ... */
export function loraProjections(config: BertConfig, { targets, layers }: LoraSettings): string[] {
  const chosen = layers ?? Array.from({ length: config.layers }, (_, index) => index);
  const beyond = chosen.filter((layer) => !Number.isInteger(layer) || layer < 0 || layer >= config.layers);
  if (beyond.length > 0)
    throw new RangeError(
      `loraLayers names layer ${beyond.join(', ')}, but the teacher has layers 0 to ${config.layers - 1}`,
    );
  return chosen.flatMap((layer) => targets.map((target) => `${layerName(layer)}.attention.self.${target}`));
}

/**
 * LoRA matrices for a BERT encoder (Hu et al., 2021): `<projection>.lora_A` [r, d] ~ N(0, std 1/r) and
 * `<projection>.lora_B` [d, r] = 0, so that at first they change nothing.
 *
 * @throws RangeError where a layer is named that the encoder does not have
 */
export function initialiseLora(config: BertConfig, settings: LoraSettings, random: RandomStream): Weights {
  const { rank } = settings;
  const entries = loraProjections(config, settings).flatMap((projection) => {
    const values = random
      .substream(downName(projection))
      .fillNormal(new Float32Array(rank * config.hidden), 0, 1 / rank);
    return [
      [downName(projection), tf.tensor2d(values, [rank, config.hidden])],
      [upName(projection), tf.zeros([config.hidden, rank])],
    ] as const;
  });
  return Object.fromEntries(entries);
}

/** The low-rank part of a projection; null where `weights` holds none for it. */
export function lowRankOf(weights: Weights, projection: string, loraAlpha: number): LowRank | null {
  const down = weights[downName(projection)] as Tensor2D | undefined;
  const up = weights[upName(projection)] as Tensor2D | undefined;
  return down && up ? { down, up, scale: loraAlpha / down.shape[0] } : null;
}

/**
 * The same model without LoRA: W + (alpha/r) B A in place of each W that has A and B. The other tensors are shared with
 * `weights`, not copied: dispose of one set only, or clone first.
 */
export function mergeLora(weights: Weights, loraAlpha: number): Weights {
  const merged: Record<string, tf.Tensor> = {};
  for (const [name, weight] of Object.entries(weights)) {
    if (isLoraName(name)) continue;
    const lowRank = name.endsWith('.weight') ? lowRankOf(weights, name.slice(0, -'.weight'.length), loraAlpha) : null;
    merged[name] = lowRank
      ? tf.tidy(() => tf.add(weight, tf.mul(tf.matMul(lowRank.up, lowRank.down), lowRank.scale)))
      : weight;
  }
  return merged;
}

/** Whether a weight of this name is a LoRA matrix. */
export function isLoraName(name: string): boolean {
  return name.endsWith('.lora_A') || name.endsWith('.lora_B');
}
