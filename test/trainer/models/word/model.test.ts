import * as tf from '@tensorflow/tfjs-core';
import { bilstmModel } from '../../../../trainer/models/word/model';
import { randomStream } from '../../../../trainer/numeric/random';
import { describeOnEveryEngine } from '../../../testkit/engines';
import { largestDifference } from '../../../testkit/tensors';
import { tinyStudentWeights } from '../../../testkit/tiny-models';

const vocabulary = Array.from({ length: 12 }, (_, id) => `word${id}`);
const model = bilstmModel({
  config: { units: 2, embedding: 2, classes: 3 },
  classes: ['a', 'b', 'c'],
  vocabulary,
  parameters: { preprocessing: 'none', maxWords: 3 },
  dropoutRate: 0.4,
});
const inputs = { ids: Int32Array.of(3, 5, 4, 7), lengths: Int32Array.of(3, 1) };

describeOnEveryEngine('a BiLSTM behind the model port', () => {
  it('gives its logits from word vectors as from ids, and names its matrices with their shapes', () => {
    const weights = tinyStudentWeights();
    const { vectors, logits } = model.embedded(weights);
    const { given, baseline } = vectors(inputs);
    const fromIds = model.logits(inputs, { dropout: null })(weights);

    expect(largestDifference(logits(inputs, given), fromIds)).toBe(0);
    expect(largestDifference(model.statesEntering(weights, inputs, 0), given)).toBe(0);
    expect(largestDifference(baseline, tf.zerosLike(given).dataSync())).toBe(0);
    for (const { matrices } of model.layers)
      for (const { name, shape } of Object.values(matrices))
        expect(weights[`${name}.weight`]!.shape).toEqual([...shape]);
  });

  it('draws its dropout masks once for all passes of a step', () => {
    const weights = tinyStudentWeights();
    const pass = model.logits(inputs, { dropout: randomStream(0, 'step') });

    expect(largestDifference(pass(weights), pass(weights))).toBe(0);
    expect(largestDifference(pass(weights), model.logits(inputs, { dropout: null })(weights))).toBeGreaterThan(0.001);
  });

  it('cuts a text to the words that it reads', () => {
    expect(model.encoder.encode('word3 word5 unknown word7')).toEqual([3, 5, 1]);
  });
});
