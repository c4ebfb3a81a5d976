import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { readSafetensors, writeSafetensors } from '../../../../trainer/checkpoint/safetensors';
import { initialiseTransformer } from '../../../../trainer/models/transformer/architecture';
import { formatConfigFile, parseConfigFile } from '../../../../trainer/models/transformer/config-file';
import { bertConfig } from '../../../../trainer/models/transformer/families/bert';
import {
  loadTransformer,
  type StoredTransformer,
  transformerFiles,
} from '../../../../trainer/models/transformer/folder';
import { transformerLogits } from '../../../../trainer/models/transformer/forward';
import { valueAndGradients } from '../../../../trainer/numeric/gradients';
import { randomStream } from '../../../../trainer/numeric/random';
import type { Weights } from '../../../../trainer/numeric/weights';
import { describeOnEveryEngine, useEngine } from '../../../testkit/engines';
import { describeWithRealData, realData } from '../../../testkit/real-data';
import { largestDifference, redrawn } from '../../../testkit/tensors';
import { useTestFolder } from '../../../testkit/test-folder';

const config = bertConfig({ vocabularySize: 11, hidden: 8, layers: 2, heads: 2, intermediate: 12 });
const classes = ['Bearish', 'Bullish', 'Neutral'];
const tokens = { ids: Int32Array.of(2, 7, 10, 3, 2, 3), lengths: Int32Array.of(4, 2) };
const random = () => randomStream(0, 'teacher');

type Files = Record<string, { shape: number[]; values: Float32Array }>;

const filesOf = (weights: Weights, prefix = ''): Files =>
  Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [
      `${prefix}${name}`,
      { shape: weight.shape, values: weight.dataSync<'float32'>() as Float32Array },
    ]),
  );

describe('a teacher', () => {
  const folder = useTestFolder();
  let weights: Weights;
  beforeAll(() => useEngine('portable'));
  beforeEach(() => {
    weights = redrawn(initialiseTransformer(config, 3, random()), 0.5);
  });

  function store(files: Files, changes: object = {}): void {
    const text = formatConfigFile(config, classes);
    folder.write('config.json', JSON.stringify({ ...JSON.parse(text), ...changes }));
    folder.write('model.safetensors', writeSafetensors(files));
  }
  async function loaded(): Promise<StoredTransformer> {
    const result = await loadTransformer(folder.path(), classes, random());
    if (result.kind === 'invalid') throw new Error(JSON.stringify(result.problems));
    return result.value;
  }
  async function problems(): Promise<string[]> {
    const result = await loadTransformer(folder.path(), classes, random());
    return result.kind === 'invalid' ? result.problems.map(({ message }) => message) : [];
  }
  const without = (files: Files, pattern: RegExp): Files =>
    Object.fromEntries(Object.entries(files).filter(([name]) => !pattern.test(name)));

  it.each(['', 'bert.'])('is read with names that begin with "%s"', async (prefix) => {
    store(filesOf(weights, prefix));
    const teacher = await loaded();
    expect(teacher.notes).toEqual([]);
    expect(teacher.config).toEqual(config);
    expect(
      largestDifference(transformerLogits(teacher.weights, config, tokens), transformerLogits(weights, config, tokens)),
    ).toBe(0);
  });

  it('may name its layer norms gamma and beta, as the first BERT files do', async () => {
    const renamed = Object.entries(filesOf(weights)).map(([name, value]) => [
      name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'),
      value,
    ]);
    store(Object.fromEntries(renamed));
    const teacher = await loaded();
    expect(
      largestDifference(transformerLogits(teacher.weights, config, tokens), transformerLogits(weights, config, tokens)),
    ).toBe(0);
  });

  it('gets a pooler and a classifier where it has none, says so, and draws them the same again', async () => {
    store(without(filesOf(weights), /pooler|classifier/));
    const [first, second] = [await loaded(), await loaded()];
    expect(first.notes).toEqual([
      expect.stringContaining('pooler was not in'),
      expect.stringContaining('classifier was not in'),
    ]);
    expect(first.weights['classifier.weight']!.shape).toEqual([3, 8]);
    const drawn = (teacher: StoredTransformer) => teacher.weights['pooler.dense.weight']!;
    expect(largestDifference(drawn(first), drawn(second))).toBe(0);
    expect(largestDifference(drawn(first), weights['pooler.dense.weight']!)).toBeGreaterThan(0.1);
  });

  it.each([
    ['a whole model', 'model', /^$/, true],
    ['a whole model in a folder named for its classifier', 'x-classifier', /^$/, true],
    ['no classifier', 'model', /classifier/, false],
    ['no pooler under the classifier', 'model', /pooler/, false],
  ])('has a trained head or not: %s', async (_, name, left, hasTrainedHead) => {
    const extra = { shape: [1], values: Float32Array.of(0) };
    const files = { ...without(filesOf(weights), left), 'cls.classifier.bias': extra };

    folder.write(`${name}/config.json`, formatConfigFile(config, classes));
    folder.write(`${name}/model.safetensors`, writeSafetensors(files));
    const result = await loadTransformer(join(folder.path(), name), classes, random());
    expect(result).toMatchObject({ kind: 'valid', value: { hasTrainedHead } });
  });

  it('ignores position_ids and names tensors it does not use', async () => {
    const extra = { shape: [1], values: Float32Array.of(0) };
    store({ ...filesOf(weights), 'embeddings.position_ids': extra, 'cls.predictions.bias': extra });
    expect((await loaded()).notes).toEqual([expect.stringMatching(/not used: cls\.predictions\.bias$/)]);
  });

  it('names every tensor that is missing or misshapen, with the shape that was expected', async () => {
    const files = without(filesOf(weights), /layer\.1\.output\.dense\.weight|pooler\.dense\.bias/);
    files['encoder.layer.0.attention.self.key.bias'] = { shape: [9], values: new Float32Array(9) };
    store(files);
    expect(await problems()).toEqual([
      expect.stringContaining('"encoder.layer.0.attention.self.key.bias" has shape [9], [8] was expected'),
      expect.stringContaining('"encoder.layer.1.output.dense.weight" is missing; [8,12] was expected'),
      expect.stringContaining('"pooler.dense.bias" is missing; [8] was expected'),
    ]);
  });

  it('refuses weights that are not finite, naming each tensor', async () => {
    const files = filesOf(weights);
    files['pooler.dense.bias'] = { shape: [8], values: Float32Array.of(0, 0, 0, Number.NaN, 0, 0, 0, 0) };
    files['classifier.bias'] = { shape: [3], values: Float32Array.of(0, Number.NEGATIVE_INFINITY, 0) };
    store(files);
    expect(await problems()).toEqual([
      expect.stringContaining('"pooler.dense.bias" holds NaN or infinity'),
      expect.stringContaining('"classifier.bias" holds NaN or infinity'),
    ]);
  });

  it('refuses a classifier of another number of classes', async () => {
    store(filesOf(initialiseTransformer(config, 2, random())));
    expect(await problems()).toEqual([
      expect.stringContaining('"classifier.weight" has shape [2,8], [3,8] was expected'),
      expect.stringContaining('"classifier.bias" has shape [2], [3] was expected'),
    ]);
  });

  it('refuses a classifier that knows the classes in another order', async () => {
    store(filesOf(weights), { id2label: { 0: 'Bullish', 1: 'Bearish', 2: 'Neutral' } });
    expect(await problems()).toEqual([expect.stringContaining("set data.classes to the classifier's order")]);
  });

  it('refuses a config that asks for what is not computed, all at once', async () => {
    store(filesOf(weights), { hidden_act: 'relu', position_embedding_type: 'relative_key', num_attention_heads: 0 });
    const found = (await problems()).join('\n');
    expect(found).toMatch(/hidden_act: .*"gelu".*found "relu"/);
    expect(found).toMatch(/position_embedding_type: .*"absolute".*found "relative_key"/);
    expect(found).toMatch(/num_attention_heads: .*found 0/);
  });

  it('refuses heads that do not divide the hidden size', async () => {
    store(filesOf(weights), { num_attention_heads: 3 });
    expect(await problems()).toEqual([
      expect.stringMatching(/num_attention_heads: do not divide hidden_size, found 3$/),
    ]);
  });

  it('refuses a model of another kind', async () => {
    store(filesOf(weights), { model_type: 'roberta' });
    expect(await problems()).toEqual([expect.stringMatching(/model_type: .*"bert".*found "roberta"/)]);
  });

  it('refuses a folder without its files, and files that are none', async () => {
    expect(await problems()).toEqual([
      expect.stringMatching(/config\.json does not exist: a transformer is a folder with/),
      expect.stringMatching(/model\.safetensors does not exist/),
    ]);
    folder.write('config.json', '{');
    folder.write('model.safetensors', 'version https://git-lfs.github.com/spec/v1');
    expect(await problems()).toEqual([
      expect.stringMatching(/config\.json is not JSON/),
      expect.stringMatching(/model\.safetensors: is no safetensors file/),
    ]);
  });

  it('is exported as a folder that is read back to the same logits', async () => {
    const files = await transformerFiles(weights, config, classes);
    for (const [name, bytes] of Object.entries(files)) folder.write(name, bytes);
    const teacher = await loaded();
    expect(teacher.notes).toEqual([]);
    expect(
      largestDifference(transformerLogits(teacher.weights, config, tokens), transformerLogits(weights, config, tokens)),
    ).toBe(0);
    expect(parseConfigFile(new TextDecoder().decode(files['config.json']), '')).toEqual({
      kind: 'valid',
      value: { config, labels: classes },
    });
    const stored = readSafetensors(files['model.safetensors'], '');
    expect(stored.kind === 'valid' && stored.value.tensors.has('bert.pooler.dense.weight')).toBe(true);
  });
});

/**
 * PyTorch 2.15.0 on one CPU thread with the reference's `load_bert` (float32 from the F16 file): logits and cross-entropy
 * gradients of two preprocessed sentences, "$aapl beats estimates and raises guidance" and "stocks fall". The file has no
 * classifier; W[k][j] = ((31 k + 17 j) mod 7 - 3) / 10, bias 0.1, -0.2, 0.3, labels 1 and 0.
 */
const reference = {
  tokens: {
    ids: Int32Array.of(101, 1002, 9779, 24759, 10299, 10035, 1998, 13275, 8606, 102, 101, 15768, 2991, 102),
    lengths: Int32Array.of(10, 4),
  },
  labels: [1, 0],
  logits: [
    0.19947177171707153, 0.27261704206466675, 0.08946651220321655, 0.26965707540512085, -0.01106850802898407,
    0.2992420196533203,
  ],
  loss: 1.0201681852340698,
  gradientNorms: {
    'embeddings.word_embeddings.weight': 1.3184856790173838,
    'embeddings.position_embeddings.weight': 1.3012297350745798,
    'encoder.layer.0.attention.self.query.weight': 0.23819056843791214,
    'encoder.layer.3.intermediate.dense.weight': 1.2829629464251182,
    'encoder.layer.5.output.LayerNorm.weight': 0.2969885245835174,
    'pooler.dense.bias': 1.6448643552019349,
  },
};

describeWithRealData('MiniLM', () => {
  describeOnEveryEngine('MiniLM against PyTorch', () => {
    async function minilm(): Promise<StoredTransformer> {
      const result = await loadTransformer(realData.minilm, classes, random());
      if (result.kind === 'invalid') throw new Error(JSON.stringify(result.problems));
      const classifier = tf.tensor2d(
        Array.from({ length: 3 * 384 }, (_, i) => (((31 * Math.floor(i / 384) + 17 * (i % 384)) % 7) - 3) / 10),
        [3, 384],
      );
      const head = { 'classifier.weight': classifier, 'classifier.bias': tf.tensor1d([0.1, -0.2, 0.3]) };
      return { ...result.value, weights: { ...result.value.weights, ...head } };
    }

    it('has a trained encoder and a pooler, but no classifier', async () => {
      expect((await minilm()).notes).toEqual([expect.stringContaining('classifier was not in')]);
    });

    it.each(['none', 'batch'] as const)('gives the logits, padding %s', async (padding) => {
      const teacher = await minilm();
      const logits = transformerLogits(teacher.weights, teacher.config, reference.tokens, { padding });
      expect(largestDifference(logits, reference.logits)).toBeLessThan(2e-5);
    });

    it('gives the loss and the norms of its gradients', async () => {
      const teacher = await minilm();
      const { value, gradients } = valueAndGradients((weights) => {
        const logits = transformerLogits(weights, teacher.config, reference.tokens);
        const labels = tf.oneHot(tf.tensor1d(reference.labels, 'int32'), 3);
        return tf.neg(tf.mean(tf.sum(tf.mul(tf.cast(labels, 'float32'), tf.logSoftmax(logits)), 1))) as tf.Scalar;
      }, teacher.weights);
      expect(value.dataSync()[0]).toBeCloseTo(reference.loss, 5);
      for (const [name, norm] of Object.entries(reference.gradientNorms))
        expect(tf.norm(gradients[name]!).dataSync()[0]! / norm).toBeCloseTo(1, 3);
    });
  });
});
