import type { RandomStream } from '../../numeric/random';
import type { TensorShapes, Weights } from '../../numeric/weights';
import { initialiseWeight } from '../initialise-weight';
import type { InsertedModules, MatrixRole, ModelLayer, PeftBase } from '../model';
import { adapterShapes } from '../peft/adapters';
import { prefixShapes } from '../peft/prefix';

/** Size and constants of a transformer encoder, and what was inserted into it; a family's `config.json` says the same. */
export interface TransformerConfig extends InsertedModules {
  /** Name of its family, which writes its files. */
  family: string;
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

/** Size of an encoder whose other constants are the usual ones of its family. */
export type TransformerSize = Pick<
  TransformerConfig,
  'vocabularySize' | 'hidden' | 'layers' | 'heads' | 'intermediate'
>;

/** Beginnings of the names of the head's weights: the pooler on the first token, and the classifier. */
export const headModules = ['pooler', 'classifier'] as const;

/** Every weight of the encoder with pooler and classifier, by name; the names are BERT's in Hugging Face, without `bert.`. */
export function transformerShapes(config: TransformerConfig, classes: number): TensorShapes {
  const { hidden: d, adapters, prefixes } = config;
  const layers = Array.from({ length: config.layers }, (_, index) => {
    const layer = layerName(index);
    return {
      ...layerShapes(config, layer),
      ...(adapters?.layers.includes(index) ? adapterShapes(layer, d, adapters.size) : {}),
      ...(prefixes?.layers.includes(index) ? prefixShapes(layer, d, prefixes.size) : {}),
    };
  });
  return {
    'embeddings.word_embeddings.weight': [config.vocabularySize, d],
    'embeddings.position_embeddings.weight': [config.maxPositions, d],
    'embeddings.token_type_embeddings.weight': [config.tokenTypes, d],
    ...layerNormShapes('embeddings.LayerNorm', d),
    ...Object.assign({}, ...layers),
    ...denseShapes('pooler.dense', d, d),
    ...denseShapes('classifier', classes, d),
  };
}

function layerShapes({ hidden: d, intermediate }: TransformerConfig, layer: string): TensorShapes {
  return {
    ...denseShapes(`${layer}.attention.self.query`, d, d),
    ...denseShapes(`${layer}.attention.self.key`, d, d),
    ...denseShapes(`${layer}.attention.self.value`, d, d),
    ...denseShapes(`${layer}.attention.output.dense`, d, d),
    ...layerNormShapes(`${layer}.attention.output.LayerNorm`, d),
    ...denseShapes(`${layer}.intermediate.dense`, intermediate, d),
    ...denseShapes(`${layer}.output.dense`, d, intermediate),
    ...layerNormShapes(`${layer}.output.LayerNorm`, d),
  };
}

const denseShapes = (name: string, outputs: number, inputs: number): TensorShapes => ({
  [`${name}.weight`]: [outputs, inputs],
  [`${name}.bias`]: [outputs],
});
const layerNormShapes = (name: string, width: number): TensorShapes => ({
  [`${name}.weight`]: [width],
  [`${name}.bias`]: [width],
});

export const layerName = (index: number): string => `encoder.layer.${index}`;

const matrixNames = {
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  'attention-output': 'attention.output.dense',
  intermediate: 'intermediate.dense',
  output: 'output.dense',
} as const satisfies Partial<Record<MatrixRole, string>>;

/** The layers of an encoder with their matrices by role. */
export function transformerLayers(config: TransformerConfig): ModelLayer[] {
  return Array.from({ length: config.layers }, (_, index) => {
    const name = layerName(index);
    const shapes = layerShapes(config, name);
    const matrices = Object.entries(matrixNames).map(([role, matrix]) => [
      role,
      { name: `${name}.${matrix}`, shape: shapes[`${name}.${matrix}.weight`] },
    ]);
    return { name, matrices: Object.fromEntries(matrices) as ModelLayer['matrices'] };
  });
}

/** An encoder as parameter-efficient fine-tuning sees it. */
export const peftBaseOf = (config: TransformerConfig): PeftBase => ({
  layers: transformerLayers(config),
  hidden: config.hidden,
  initializerRange: config.initializerRange,
  inserted: { adapters: config.adapters, prefixes: config.prefixes },
});

/** Weights of a new encoder: matrices N(0, initializerRange), biases 0, layer norms 1 and 0, adapters without effect. */
export function initialiseTransformer(config: TransformerConfig, classes: number, random: RandomStream): Weights {
  return Object.fromEntries(
    Object.entries(transformerShapes(config, classes)).map(([name, shape]) => [
      name,
      initialiseWeight(name, shape, config.initializerRange, random),
    ]),
  );
}
