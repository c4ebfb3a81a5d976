import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { RandomStream } from '../../numeric/random';
import type { Weights } from '../../numeric/weights';
import { selectRows } from '../../ops/embedding';
import type { Encoder } from '../../tokenizers/encoder';
import type { Sequences } from '../../tokenizers/sequences';
import type { EmbeddedClassifier, Model } from '../model';
import { mergeLora } from '../peft/lora';
import { headModules, peftBaseOf, type TransformerConfig } from './architecture';
import { families } from './families';
import { transformerFiles } from './folder';
import { statesEnteringLayer, transformerLogits, transformerStates } from './forward';

/** What a transformer computes with besides its weights. */
export interface TransformerSetting {
  config: TransformerConfig;
  classes: readonly string[];
  encoder: Encoder;
  /** The tokenizer's files, which are saved beside the weights. */
  tokenizerFiles: Readonly<Record<string, string | null>>;
  dropoutRate: number;
  /** Factor of LoRA matrices. */
  loraScale: number;
}

/** A transformer as methods see it. */
export function transformerModel(setting: TransformerSetting): Model {
  const { config, classes, encoder, tokenizerFiles, dropoutRate: rate, loraScale } = setting;
  const base = peftBaseOf(config);
  // A substream of the same name at every call: all passes of a step share their masks.
  const maskSource = (dropout: RandomStream | null) => dropout && { rate, random: dropout.substream('masks') };
  return {
    sizes: {
      layers: config.layers,
      embedding: config.hidden,
      hidden: config.hidden,
      positions: config.maxPositions,
    },
    description: `a transformer of ${config.layers} layers, ${config.hidden} wide`,
    encoder,
    constants: { config, loraScale },
    head: headModules,
    layers: base.layers,
    logits:
      (inputs, { dropout, from }) =>
      (weights) =>
        transformerLogits(weights, config, inputs, { loraScale, dropout: maskSource(dropout), from: from ?? null }),
    states:
      (inputs, { dropout }) =>
      (weights) =>
        transformerStates(weights, config, inputs, { loraScale, dropout: maskSource(dropout) }),
    statesEntering: (weights, inputs, layer) => statesEnteringLayer(weights, config, inputs, layer),
    embedded: (weights) => embeddedTransformer(weights, config),
    peft: {
      base,
      with: ({ inserted, loraScale }) =>
        transformerModel({ ...setting, config: { ...config, ...inserted }, loraScale }),
      nameInFile: families[config.family]!.nameInFile,
    },
    save: async (weights) => ({
      ...(await transformerFiles(mergeLora(weights, loraScale), config, classes)),
      ...presentFiles(tokenizerFiles),
    }),
  };
}

/**
 * A transformer as a function of its word vectors. The baseline has [PAD], whose id is 0, in place of every word piece; [CLS] and
 * [SEP] stay, as they are in every text, so that all of the attribution goes to words.
 */
export function embeddedTransformer(weights: Weights, config: TransformerConfig): EmbeddedClassifier {
  const table = weights['embeddings.word_embeddings.weight'] as Tensor2D;
  return {
    vectors: (inputs) => ({
      given: selectRows(table, inputs.ids),
      baseline: selectRows(table, withoutPieces(inputs)),
    }),
    logits: (inputs, wordVectors) => transformerLogits(weights, config, inputs, { wordVectors }),
  };
}

/** The first and the last id of each sequence, with [PAD] in place of the others. */
function withoutPieces({ ids, lengths }: Sequences): Int32Array {
  const baseline = new Int32Array(ids.length);
  let end = 0;
  for (const length of lengths) {
    baseline[end] = ids[end]!;
    end += length;
    baseline[end - 1] = ids[end - 1]!;
  }
  return baseline;
}

function presentFiles(files: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).filter((entry): entry is [string, string] => entry[1] !== null));
}
