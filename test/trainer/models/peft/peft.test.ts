import * as tf from '@tensorflow/tfjs-core';
import type { ParameterOverrides } from '../../../../contract/parameters';
import { loraScale, mergeLora } from '../../../../trainer/models/peft/lora';
import { loraSettings, type PartlyTrained, partlyTrained } from '../../../../trainer/models/peft/peft';
import { initialiseTransformer, peftBaseOf } from '../../../../trainer/models/transformer/architecture';
import { type ForwardOptions, transformerLogits } from '../../../../trainer/models/transformer/forward';
import { valueAndGradients } from '../../../../trainer/numeric/gradients';
import { randomStream } from '../../../../trainer/numeric/random';
import type { Weights } from '../../../../trainer/numeric/weights';
import { describeOnEveryEngine } from '../../../testkit/engines';
import { centralDifference, type NaiveWeights, naiveBert, naiveDoraLengths } from '../../../testkit/naive-models';
import { largestDifference, redrawn, toFloat64 } from '../../../testkit/tensors';
import { tinyBertConfig as bare, tinySequences as sequences, tinyTokens as tokens } from '../../../testkit/tiny-bert';
import { parameters } from '../../../testkit/training';

const everyTarget = ['query', 'key', 'value', 'attention-output', 'intermediate', 'output'] as const;

/** The choices of what learns, each reaching layers 1 and 2 of 3. */
const choices = {
  lora: { peft: 'lora', loraTargets: [...everyTarget] },
  rslora: { peft: 'lora', loraRankStabilised: true },
  dora: { peft: 'dora', loraTargets: [...everyTarget] },
  bitfit: { peft: 'bitfit' },
  adapters: { peft: 'adapters' },
  prefix: { peft: 'prefix' },
} as const satisfies Record<string, ParameterOverrides>;
type Choice = keyof typeof choices;
const names = Object.keys(choices) as Choice[];

const settingsOf = (choice: Choice, more: ParameterOverrides = {}) =>
  parameters({
    loraRank: 2,
    loraAlpha: 3,
    adapterSize: 4,
    prefixLength: 3,
    loraLayers: [1, 2],
    ...choices[choice],
    ...more,
  });
const scaleOf = (choice: Choice) => loraScale(loraSettings(settingsOf(choice)));
const tinyBert = (): Weights => redrawn(initialiseTransformer(bare, 3, randomStream(0, 'bert')), 0.5);
const partOf = (choice: Choice, more: ParameterOverrides = {}): PartlyTrained =>
  partlyTrained(peftBaseOf(bare), tinyBert(), settingsOf(choice, more), randomStream(0, 'part'));
type Parts = Pick<PartlyTrained, 'frozen' | 'learning'>;
/** As after some training: nothing is at its start. */
const trainedPartOf = (choice: Choice): PartlyTrained => {
  const part = partOf(choice);
  return { ...part, learning: redrawn(part.learning, 0.5) };
};
const logitsOf = ({ frozen, learning }: Parts, choice: Choice, options: ForwardOptions = {}) =>
  transformerLogits({ ...frozen, ...learning }, bare, tokens, { loraScale: scaleOf(choice), ...options });

const factors = [1, -2, 0.5, 3, -1, 0.25, -0.5, 2, 1.5];
const gradientsOf = ({ frozen, learning }: Parts, choice: Choice, options: ForwardOptions = {}): Weights => {
  const loss = (weights: Weights): tf.Scalar => {
    const logits = transformerLogits({ ...frozen, ...weights }, bare, tokens, {
      loraScale: scaleOf(choice),
      ...options,
    });
    return tf.sum(tf.mul(tf.square(logits), tf.tensor2d(factors, [3, 3])));
  };
  return valueAndGradients(loss, learning).gradients;
};

describeOnEveryEngine('a part of the teacher that learns', () => {
  it.each(names)('%s: has the logits and gradients of a float64 model written from the formulas', (choice) => {
    const part = trainedPartOf(choice);
    const exact = toFloat64({ ...part.frozen, ...part.learning });
    // The norm in DoRA counts as a constant, so it is taken once, before any weight is moved.
    const lengths = naiveDoraLengths(exact, scaleOf(choice));
    const naiveLogits = (weights: NaiveWeights) =>
      sequences.flatMap((ids) => naiveBert(weights, bare, ids, scaleOf(choice), lengths));
    const naiveLoss = (weights: NaiveWeights) =>
      naiveLogits(weights).reduce((sum, logit, i) => sum + factors[i]! * logit ** 2, 0);

    expect(largestDifference(logitsOf(part, choice), naiveLogits(exact))).toBeLessThan(2e-5);
    const gradients = gradientsOf(part, choice);
    expect(Object.keys(gradients)).toEqual(Object.keys(part.learning));
    for (const [name, gradient] of Object.entries(gradients)) {
      const values = gradient.dataSync();
      const size = Math.max(...values.map(Math.abs), 1e-2);
      for (const index of [0, Math.floor(values.length / 3), values.length - 1]) {
        const error = Math.abs(values[index]! - centralDifference(naiveLoss, exact, name, index)) / size;
        expect({ name, index, error: error < 3e-4 }).toEqual({ name, index, error: true });
      }
    }
  });

  it.each(names)('%s: gives the same padded to the longest sequence', (choice) => {
    const part = trainedPartOf(choice);
    expect(largestDifference(logitsOf(part, choice, { padding: 'batch' }), logitsOf(part, choice))).toBeLessThan(5e-6);
    const [padded, unpadded] = [gradientsOf(part, choice, { padding: 'batch' }), gradientsOf(part, choice)];
    for (const [name, gradient] of Object.entries(unpadded)) {
      const size = tf.max(tf.abs(gradient)).dataSync()[0]!;
      expect(largestDifference(padded[name]!, gradient)).toBeLessThan(2e-5 * Math.max(1, size));
    }
  });

  it.each(names)('%s: leaves no tensor behind, with dropout', (choice) => {
    const part = trainedPartOf(choice);
    const before = tf.memory().numTensors;
    tf.tidy(() => void gradientsOf(part, choice, { dropout: { rate: 0.1, random: randomStream(0, 'step') } }));
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(names.filter((name) => name !== 'prefix'))('%s: changes nothing at the start', (choice) => {
    const plain = transformerLogits(tinyBert(), bare, tokens);
    expect(largestDifference(logitsOf(partOf(choice), choice), plain)).toBe(0);
  });

  it('prefix: dilutes the softmax at the start, the less the fewer', () => {
    const plain = transformerLogits(tinyBert(), bare, tokens);
    const change = (prefixLength: number) =>
      largestDifference(logitsOf(partOf('prefix', { prefixLength }), 'prefix'), plain);
    expect(change(1)).toBeGreaterThan(0);
    expect(change(3)).toBeGreaterThan(change(1));
  });

  it.each(['lora', 'rslora', 'dora'] as const)(
    '%s: merges into weights of BERT that give the same logits',
    (choice) => {
      const { frozen, learning } = trainedPartOf(choice);
      const merged = mergeLora({ ...frozen, ...learning }, scaleOf(choice));
      expect(Object.keys(merged).sort()).toEqual(Object.keys(frozen).sort());
      const before = logitsOf({ frozen, learning }, choice);
      expect(largestDifference(transformerLogits(merged, bare, tokens), before)).toBeLessThan(2e-5);
    },
  );

  it('adapters and prefixes that the teacher has already go on learning', () => {
    for (const choice of ['adapters', 'prefix'] as const) {
      const first = trainedPartOf(choice);
      const again = partlyTrained(
        peftBaseOf({ ...bare, ...first.inserted }),
        { ...first.frozen, ...first.learning },
        settingsOf(choice),
        randomStream(1, 'another'),
      );
      expect(again.inserted).toEqual(first.inserted);
      expect(Object.keys(again.learning)).toEqual(Object.keys(first.learning));
      for (const [name, weight] of Object.entries(first.learning)) expect(again.learning[name]).toBe(weight);
    }
  });

  it.each([
    ['lora', 2 * 2 * (4 * (8 + 8) + 2 * (8 + 12))],
    ['dora', 2 * 2 * (4 * (8 + 8) + 2 * (8 + 12)) + 2 * (4 * 8 + 12 + 8)],
    ['bitfit', 2 * (7 * 8 + 12)],
    ['adapters', 2 * 2 * (4 * 8 + 4 + 8 * 4 + 8)],
    ['prefix', 2 * 2 * 3 * 8],
  ] as const)('%s: %i numbers learn', (choice, count) => {
    const sizes = Object.values(partOf(choice).learning).map(({ size }) => size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(count);
  });

  it.each(names)('%s: refuses a layer the encoder does not have', (choice) => {
    expect(() => partOf(choice, { loraLayers: [0, 3] })).toThrow(
      'loraLayers names layer 3, but the teacher has layers 0 to 2',
    );
  });
});
