import * as tf from '@tensorflow/tfjs-core';
import type { RandomStream } from '../numeric/random';
import type { TensorShapes, Weights } from '../numeric/weights';
import { adapterShapes, isAdapterUp } from './adapters';
import { prefixShapes } from './prefix';

/** What was added to some layers of an encoder: adapters `size` wide, or prefixes of `size` keys and values. */
export interface AddedPart {
  size: number;
  layers: readonly number[];
}

/** Size and constants of a BERT encoder, named as in docs/methods.md; a Hugging Face `config.json` says the same. */
export interface BertConfig {
  vocabularySize: number;
  hidden: number;
  layers: number;
  heads: number;
  intermediate: number;
  maxPositions: number;
  tokenTypes: number;
  layerNormEps: number;
  /** Standard deviation of freshly drawn matrices. */
  initializerRange: number;
  /** null: none. */
  adapters: AddedPart | null;
  /** null: none. */
  prefixes: AddedPart | null;
}

/** The usual constants for an encoder of a given size. */
export function bertConfig(
  size: Pick<BertConfig, 'vocabularySize' | 'hidden' | 'layers' | 'heads' | 'intermediate'>,
): BertConfig {
  return {
    maxPositions: 512,
    tokenTypes: 2,
    layerNormEps: 1e-12,
    initializerRange: 0.02,
    adapters: null,
    prefixes: null,
    ...size,
  };
}

/** Every weight of the encoder with pooler and classifier, by its Hugging Face name without `bert.`. */
export function bertShapes(config: BertConfig, classes: number): TensorShapes {
  const { hidden: d, intermediate, adapters, prefixes } = config;
  const dense = (name: string, outputs: number, inputs: number) => ({
    [`${name}.weight`]: [outputs, inputs],
    [`${name}.bias`]: [outputs],
  });
  const layerNorm = (name: string) => ({ [`${name}.weight`]: [d], [`${name}.bias`]: [d] });
  const layers = Array.from({ length: config.layers }, (_, index) => {
    const layer = layerName(index);
    return {
      ...dense(`${layer}.attention.self.query`, d, d),
      ...dense(`${layer}.attention.self.key`, d, d),
      ...dense(`${layer}.attention.self.value`, d, d),
      ...dense(`${layer}.attention.output.dense`, d, d),
      ...layerNorm(`${layer}.attention.output.LayerNorm`),
      ...dense(`${layer}.intermediate.dense`, intermediate, d),
      ...dense(`${layer}.output.dense`, d, intermediate),
      ...layerNorm(`${layer}.output.LayerNorm`),
      ...(adapters?.layers.includes(index) ? adapterShapes(layer, d, adapters.size) : {}),
      ...(prefixes?.layers.includes(index) ? prefixShapes(layer, d, prefixes.size) : {}),
    };
  });
  return {
    'embeddings.word_embeddings.weight': [config.vocabularySize, d],
    'embeddings.position_embeddings.weight': [config.maxPositions, d],
    'embeddings.token_type_embeddings.weight': [config.tokenTypes, d],
    ...layerNorm('embeddings.LayerNorm'),
    ...Object.assign({}, ...layers),
    ...dense('pooler.dense', d, d),
    ...dense('classifier', classes, d),
  };
}

export const layerName = (index: number): string => `encoder.layer.${index}`;

/**
 * The layers that are named; all where none are.
 * @throws RangeError where the encoder has not so many
 */
export function chosenLayers(config: BertConfig, layers: readonly number[] | null): readonly number[] {
  const chosen = layers ?? Array.from({ length: config.layers }, (_, index) => index);
  const beyond = chosen.filter((layer) => !Number.isInteger(layer) || layer < 0 || layer >= config.layers);
  if (beyond.length === 0) return chosen;
  throw new RangeError(
    `loraLayers names layer ${beyond.join(', ')}, but the teacher has layers 0 to ${config.layers - 1}`,
  );
}

/** Weights of a new encoder: matrices N(0, initializerRange), biases 0, layer norms 1 and 0, adapters without effect. */
export function initialiseBert(config: BertConfig, classes: number, random: RandomStream): Weights {
  return Object.fromEntries(
    Object.entries(bertShapes(config, classes)).map(([name, shape]) => [
      name,
      initialiseBertWeight(name, shape, config, random),
    ]),
  );
}

/** One freshly drawn weight. Its random stream is keyed by its name, so it does not depend on which others are drawn. */
export function initialiseBertWeight(
  name: string,
  shape: readonly number[],
  config: BertConfig,
  random: RandomStream,
): tf.Tensor {
  if (name.endsWith('.bias') || isAdapterUp(name)) return tf.zeros([...shape]);
  if (name.endsWith('LayerNorm.weight')) return tf.ones([...shape]);
  const values = new Float32Array(tf.util.sizeFromShape([...shape]));
  return tf.tensor(random.substream(name).fillNormal(values, 0, config.initializerRange), [...shape]);
}
