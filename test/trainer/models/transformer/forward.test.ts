import * as tf from '@tensorflow/tfjs-core';
import {
  initialiseLora,
  isLoraName,
  type LoraSettings,
  loraScale,
  mergeLora,
} from '../../../../trainer/models/peft/lora';
import {
  initialiseTransformer,
  transformerLayers,
  transformerShapes,
} from '../../../../trainer/models/transformer/architecture';
import { bertConfig } from '../../../../trainer/models/transformer/families/bert';
import { type ForwardOptions, transformerLogits } from '../../../../trainer/models/transformer/forward';
import { valueAndGradients } from '../../../../trainer/numeric/gradients';
import { randomStream } from '../../../../trainer/numeric/random';
import type { Weights } from '../../../../trainer/numeric/weights';
import { describeOnEveryEngine } from '../../../testkit/engines';
import { centralDifference, type NaiveWeights, naiveBert } from '../../../testkit/naive-models';
import { largestDifference, redrawn, toFloat64 } from '../../../testkit/tensors';
import { tinyBertConfig as config, tinySequences as sequences, tinyTokens as tokens } from '../../../testkit/tiny-bert';

const loraEverywhere: LoraSettings = { rank: 2, alpha: 3, targets: ['query', 'key', 'value'], layers: null };

const tinyBert = (): Weights => redrawn(initialiseTransformer(config, 3, randomStream(0, 'bert')), 0.5);
const tinyLora = (settings = loraEverywhere): Weights =>
  redrawn(initialiseLora(transformerLayers(config), settings, randomStream(0, 'lora')), 0.5);

/** A loss that no two logits enter alike, in tensors and in float64. */
const factors = [1, -2, 0.5, 3, -1, 0.25, -0.5, 2, 1.5];
const loss = (weights: Weights, options: ForwardOptions = {}): tf.Scalar =>
  tf.sum(tf.mul(tf.square(transformerLogits(weights, config, tokens, options)), tf.tensor2d(factors, [3, 3])));
const naiveLoss = (weights: NaiveWeights): number =>
  sequences
    .flatMap((ids) => naiveBert(weights, config, ids, loraScale(loraEverywhere)))
    .reduce((sum, logit, i) => sum + factors[i]! * logit ** 2, 0);

/** Compares some entries of every gradient with central differences of the float64 model. */
function expectGradientsOf(weights: Weights, gradients: Weights): void {
  const exact = toFloat64(weights);
  for (const [name, gradient] of Object.entries(gradients)) {
    const values = gradient.dataSync();
    const scale = Math.max(...values.map(Math.abs), 1e-2);
    for (const index of [Math.floor(values.length / 3), values.length - 1]) {
      const expected = centralDifference(naiveLoss, exact, name, index);
      expect({ name, index, error: Math.abs(values[index]! - expected) / scale < 2e-4 }).toEqual({
        name,
        index,
        error: true,
      });
    }
  }
}

describeOnEveryEngine('BERT', () => {
  it('gives the logits of a float64 model written from the formulas', () => {
    const weights = tinyBert();
    const expected = sequences.flatMap((ids) => naiveBert(toFloat64(weights), config, ids));
    expect(largestDifference(transformerLogits(weights, config, tokens), expected)).toBeLessThan(1e-5);
  });

  it('gives the same logits padded to the longest sequence', () => {
    const weights = tinyBert();
    const padded = transformerLogits(weights, config, tokens, { padding: 'batch' });
    expect(largestDifference(padded, transformerLogits(weights, config, tokens))).toBeLessThan(2e-6);
  });

  it.each(['none', 'batch'] as const)('has the gradients of the float64 model, padding %s', (padding) => {
    const weights = tinyBert();
    expectGradientsOf(weights, valueAndGradients((w) => loss(w, { padding }), weights).gradients);
  });

  it('has the gradients of the float64 model for LoRA matrices', () => {
    const frozen = tinyBert();
    const lora = tinyLora();
    const options = { loraScale: loraScale(loraEverywhere) };
    const { gradients } = valueAndGradients((w) => loss({ ...frozen, ...w }, options), lora);
    expect(Object.keys(gradients)).toHaveLength(2 * 3 * 3);
    expectGradientsOf({ ...frozen, ...lora }, gradients);
  });

  it('refuses a sequence longer than its positions', () => {
    const long = { ids: new Int32Array(7), lengths: Int32Array.of(7) };
    expect(() => transformerLogits(tinyBert(), config, long)).toThrow(
      'a sequence of 7 tokens, but the model has 6 positions',
    );
  });

  it('leaves no tensor behind after a step', () => {
    const weights = tinyBert();
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      valueAndGradients((w) => loss(w, { dropout: { rate: 0.1, random: randomStream(0, 'step') } }), weights);
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describeOnEveryEngine('BERT with frozen weights', () => {
  const productsOf = async (trainable: Weights, all: Weights): Promise<number> => {
    const { kernels } = await tf.profile(() =>
      tf.tidy(() => {
        valueAndGradients((w) => loss({ ...all, ...w }, { loraScale: 1 }), trainable);
      }),
    );
    return kernels.filter(({ name }) => name === 'BatchMatMul').length;
  };
  const pick = (weights: Weights, wanted: (name: string) => boolean): Weights =>
    Object.fromEntries(Object.entries(weights).filter(([name]) => wanted(name)));

  it('multiplies no more matrices than the depth of the lowest LoRA layer asks for', async () => {
    const frozen = tinyBert();
    const top = tinyLora({ ...loraEverywhere, layers: [2], targets: ['value'] });
    const all = { ...frozen, ...tinyLora({ ...loraEverywhere, layers: [2], targets: ['value'] }) };
    const forward = 3 * 6 + 2 + 2; // 6 projections a layer; LoRA's 2; pooler and classifier
    // Classifier, pooler, output, intermediate, attention output; then B's and A's gradients with dy B.
    expect(await productsOf(top, all)).toBe(forward + 2 + 3 + 3);
  });

  it('computes no gradient of a frozen matrix on the way down', async () => {
    const weights = { ...tinyBert(), ...tinyLora() };
    const lora = pick(weights, isLoraName);
    const everything = await productsOf(weights, {});
    const onlyLora = await productsOf(lora, weights);
    // A weight gradient for each of 6 projections a layer, pooler and classifier, and, since the embedding is frozen,
    // the gradients of the first layer's input through q, k and v.
    expect(everything - onlyLora).toBe(3 * 6 + 2 + 3);
  });
});

describeOnEveryEngine('BERT with dropout', () => {
  const dropped = (rate: number, key: string) =>
    transformerLogits(tinyBert(), config, tokens, { dropout: { rate, random: randomStream(3, key) } });

  it('is the same for the same random stream, and another for another', () => {
    expect(largestDifference(dropped(0.3, 'a'), dropped(0.3, 'a'))).toBe(0);
    expect(largestDifference(dropped(0.3, 'a'), dropped(0.3, 'b'))).toBeGreaterThan(0.01);
  });

  it('is no dropout at rate 0', () => {
    expect(largestDifference(dropped(0, 'a'), transformerLogits(tinyBert(), config, tokens))).toBe(0);
  });

  it('has gradients that central differences with the same masks confirm', () => {
    const weights = tinyBert();
    const fixed = (w: Weights) => loss(w, { dropout: { rate: 0.3, random: randomStream(3, 'fixed') } });
    const { gradients } = valueAndGradients(fixed, weights);
    for (const name of ['encoder.layer.0.attention.self.query.weight', 'encoder.layer.1.output.dense.bias']) {
      const weight = weights[name]!;
      const slopes = gradients[name]!.dataSync<'float32'>();
      const steepest = slopes.reduce((best, slope, i) => (Math.abs(slope) > Math.abs(slopes[best]!) ? i : best), 0);
      const at = (change: number) => {
        const values = weight.dataSync().slice();
        values[steepest] = values[steepest]! + change;
        return fixed({ ...weights, [name]: tf.tensor(values, weight.shape) }).dataSync()[0]!;
      };
      expect((at(0.002) - at(-0.002)) / 0.004 / slopes[steepest]!).toBeCloseTo(1, 1.5);
    }
  });
});

describeOnEveryEngine('initialiseTransformer', () => {
  it('draws matrices with the standard deviation of the config, and biases and layer norms as 0 and 1', () => {
    const wide = bertConfig({ vocabularySize: 500, hidden: 64, layers: 1, heads: 4, intermediate: 128 });
    const weights = initialiseTransformer(wide, 3, randomStream(0, 'teacher'));
    const words = weights['embeddings.word_embeddings.weight']!.dataSync<'float32'>();
    const mean = words.reduce((sum, x) => sum + x, 0) / words.length;
    expect(Math.abs(mean)).toBeLessThan(4 * (0.02 / Math.sqrt(words.length)));
    expect(Math.sqrt(words.reduce((sum, x) => sum + x * x, 0) / words.length)).toBeCloseTo(0.02, 3);
    expect(new Set(weights['encoder.layer.0.output.LayerNorm.weight']!.dataSync())).toEqual(new Set([1]));
    expect(new Set(weights['classifier.bias']!.dataSync())).toEqual(new Set([0]));
  });

  it('has the 109,482,240 parameters of BERT-base uncased, and 768 + 1 for every class', () => {
    const base = bertConfig({ vocabularySize: 30522, hidden: 768, layers: 12, heads: 12, intermediate: 3072 });
    const sizes = Object.values(transformerShapes(base, 3)).map((shape) => tf.util.sizeFromShape([...shape]));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(109482240 + 3 * 769);
  });
});

describeOnEveryEngine('LoRA', () => {
  const projection = 'encoder.layer.1.attention.self.key';

  it('has 884,736 parameters for BERT-base at rank 16 on Q, K and V', () => {
    const base = bertConfig({ vocabularySize: 1, hidden: 768, layers: 12, heads: 12, intermediate: 1 });
    const lora = initialiseLora(transformerLayers(base), { ...loraEverywhere, rank: 16 }, randomStream(0, 'lora'));
    expect(Object.values(lora).reduce((sum, weight) => sum + weight.size, 0)).toBe(884736);
    const a = lora['encoder.layer.0.attention.self.query.lora_A']!.dataSync<'float32'>();
    expect(Math.sqrt(a.reduce((sum, x) => sum + x * x, 0) / a.length)).toBeCloseTo(1 / 16, 3);
    tf.dispose(lora);
  });

  it('changes nothing at the start', () => {
    const weights = tinyBert();
    const lora = initialiseLora(transformerLayers(config), loraEverywhere, randomStream(0, 'lora'));
    const with_ = transformerLogits({ ...weights, ...lora }, config, tokens, { loraScale: 1.5 });
    expect(largestDifference(with_, transformerLogits(weights, config, tokens))).toBe(0);
  });

  it('goes on the layers and projections that are named', () => {
    const lora = initialiseLora(
      transformerLayers(config),
      { ...loraEverywhere, targets: ['key'], layers: [1] },
      randomStream(0, 'lora'),
    );
    expect(Object.keys(lora)).toEqual([`${projection}.lora_A`, `${projection}.lora_B`]);
  });

  it('refuses a layer the encoder does not have', () => {
    const beyond = () =>
      initialiseLora(transformerLayers(config), { ...loraEverywhere, layers: [0, 3] }, randomStream(0, 'lora'));
    expect(beyond).toThrow('loraLayers names layer 3, but the teacher has layers 0 to 2');
  });

  it('merges into weights that give the same logits', () => {
    const weights = { ...tinyBert(), ...tinyLora() };
    const merged = mergeLora(weights, 1.5);
    expect(Object.keys(merged).some(isLoraName)).toBe(false);
    const before = transformerLogits(weights, config, tokens, { loraScale: 1.5 });
    expect(largestDifference(transformerLogits(merged, config, tokens), before)).toBeLessThan(1e-5);
    expect(largestDifference(merged[`${projection}.weight`]!, weights[`${projection}.weight`]!)).toBeGreaterThan(0.01);
  });
});
