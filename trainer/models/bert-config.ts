import * as tf from '@tensorflow/tfjs-core';
import type { RandomStream } from '../random';
import type { Weights } from './weights';

/** Size and constants of a BERT encoder, named as in methods.md; a Hugging Face `config.json` says the same. */
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
}

/** The usual constants for an encoder of a given size. */
export function bertConfig(
  size: Pick<BertConfig, 'vocabularySize' | 'hidden' | 'layers' | 'heads' | 'intermediate'>,
): BertConfig {
  return { maxPositions: 512, tokenTypes: 2, layerNormEps: 1e-12, initializerRange: 0.02, ...size };
}

export type TensorShapes = Readonly<Record<string, readonly number[]>>;

/** Every weight of the encoder with pooler and classifier, by its Hugging Face name without `bert.`. */
export function bertShapes(config: BertConfig, classes: number): TensorShapes {
  const { hidden: d, intermediate } = config;
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

/** Weights of a new encoder: matrices N(0, initializerRange), biases 0, layer norms 1 and 0. */
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
  if (name.endsWith('.bias')) return tf.zeros([...shape]);
  if (name.endsWith('LayerNorm.weight')) return tf.ones([...shape]);
  const values = new Float32Array(tf.util.sizeFromShape([...shape]));
  return tf.tensor(random.substream(name).fillNormal(values, 0, config.initializerRange), [...shape]);
}
