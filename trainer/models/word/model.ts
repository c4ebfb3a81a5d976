import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { RandomStream } from '../../numeric/random';
import type { Weights } from '../../numeric/weights';
import { selectRows } from '../../ops/embedding';
import type { Sequences } from '../../tokenizers/sequences';
import { type WordVocabulary, wordEncoder } from '../../tokenizers/words';
import type { EmbeddedClassifier, Model } from '../model';
import { type BilstmConfig, bilstmLogits, bilstmStates, dropoutMasks, embeddingName } from './bilstm';
import { bilstmFiles, type Reading } from './folder';
import { bilstmTangent } from './tangent';

export interface BilstmSetting {
  config: BilstmConfig & { embedding: number };
  classes: readonly string[];
  vocabulary: WordVocabulary;
  /** Hyper-parameters that are saved with it. */
  parameters: Reading;
  dropoutRate: number;
}

/** A BiLSTM as methods see it. */
export function bilstmModel({ config, classes, vocabulary, parameters, dropoutRate }: BilstmSetting): Model {
  const { units, embedding } = config;
  const shape = [embedding + units, 4 * units] as const;
  const matrix = (direction: 'forward' | 'backward') => ({
    name: `lstm.${direction}`,
    shape,
    inputsFirst: true,
  });
  const masksOf = (inputs: Sequences, dropout: RandomStream | null) =>
    dropout && dropoutMasks({ words: embedding, state: 2 * units }, inputs, dropoutRate, dropout);
  return {
    sizes: { layers: 1, embedding, hidden: 2 * units, positions: null },
    description: `a BiLSTM of ${units} units`,
    encoder: wordEncoder(vocabulary, parameters.maxWords),
    constants: { bilstm: config },
    head: ['dense'],
    layers: [{ name: 'lstm', matrices: { forward: matrix('forward'), backward: matrix('backward') } }],
    logits: (inputs, { dropout }) => {
      const masks = masksOf(inputs, dropout);
      return Object.assign((weights: Weights) => bilstmLogits(weights, inputs, masks), {
        tangent: (weights: Weights, direction: Weights) => bilstmTangent(weights, direction, inputs, masks),
      });
    },
    states: (inputs, { dropout }) => {
      const masks = masksOf(inputs, dropout);
      return (weights) => bilstmStates(weights, inputs, masks);
    },
    statesEntering: (weights, inputs) => selectRows(weights[embeddingName] as Tensor2D, inputs.ids),
    embedded: embeddedBilstm,
    peft: null,
    save: (weights) => bilstmFiles(weights, { classes, vocabulary, parameters }),
  };
}

/** A BiLSTM as a function of its word vectors; the baseline has [PAD], whose vector is 0, in place of every word. */
const embeddedBilstm = (weights: Weights): EmbeddedClassifier => ({
  vectors: ({ ids }) => {
    const given = selectRows(weights[embeddingName] as Tensor2D, ids);
    return { given, baseline: tf.zerosLike(given) };
  },
  logits: (inputs, vectors) => bilstmLogits(weights, inputs, null, vectors),
});
