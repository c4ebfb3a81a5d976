import * as tf from '@tensorflow/tfjs-core';
import type { Examples } from '../../../trainer/data/batches';
import type { EmbeddedClassifier } from '../../../trainer/models/model';
import { initialiseTransformer } from '../../../trainer/models/transformer/architecture';
import { embeddedTransformer } from '../../../trainer/models/transformer/model';
import { randomStream } from '../../../trainer/numeric/random';
import { attributeExamples, completenessNote, meanByWord } from '../../../trainer/teacher/attributions';
import { gaussLegendre, integratedGradients } from '../../../trainer/teacher/integrated-gradients';
import { sequenceTable } from '../../../trainer/tokenizers/sequences';
import { describeOnEveryEngine } from '../../testkit/engines';
import { centralDifference, naiveBert } from '../../testkit/naive-models';
import { largestDifference, toFloat64 } from '../../testkit/tensors';
import { tinyBert } from '../../testkit/tiny-models';

/** Drawn so wide that words matter: the redrawn teacher of the test kit hardly hears them. */
const teacherWeights = () => initialiseTransformer({ ...tinyBert, initializerRange: 0.8 }, 3, randomStream(5));
const table = 'embeddings.word_embeddings.weight';
/** [CLS] and [SEP] are 1 and 2; every id once, so that its row of the table is one place of the text. */
const sequences = [
  [1, 5, 9, 4, 7, 2],
  [1, 8, 2],
];
const tokens = { ids: Int32Array.from(sequences.flat()), lengths: Int32Array.of(6, 3) };

/** Integrated Gradients by their definition: 400 rectangles, gradients by differences of a float64 model. */
function attributionsInFloat64(ids: number[]): { tokens: number[]; change: number } {
  const exact = toFloat64(teacherWeights());
  const width = tinyBert.hidden;
  const rows = exact[table]!.values;
  const own = Float64Array.from(rows);
  const logits = (weights = exact) => naiveBert(weights, tinyBert, ids);
  const given = logits();
  const predicted = given.indexOf(Math.max(...given));
  const inner = ids.slice(1, -1);
  const moveTo = (point: number) => {
    for (const id of inner)
      for (let d = 0; d < width; d++) rows[id * width + d] = own[d]! + point * (own[id * width + d]! - own[d]!); // row 0 is [PAD]
  };
  const found = new Array<number>(ids.length).fill(0);
  const rectangles = 60;
  for (let k = 0; k < rectangles; k++) {
    moveTo((k + 0.5) / rectangles);
    inner.forEach((id, place) => {
      for (let d = 0; d < width; d++) {
        const slope = centralDifference((w) => logits(w)[predicted]!, exact, table, id * width + d);
        found[place + 1]! += (slope * (own[id * width + d]! - own[d]!)) / rectangles;
      }
    });
  }
  moveTo(0);
  return { tokens: found, change: given[predicted]! - logits()[predicted]! };
}

describe("Gauss and Legendre's rule", () => {
  it('has the published points and weights for 2, 3 and 5 points', () => {
    const close = (found: number[], expected: number[]) =>
      expect(largestDifference(found, expected)).toBeLessThan(1e-12);
    const onUnit = (x: number) => (1 + x) / 2;
    close(gaussLegendre(2).points, [-0.5773502691896257, 0.5773502691896257].map(onUnit));
    close(gaussLegendre(2).weights, [0.5, 0.5]);
    close(gaussLegendre(3).points, [-0.7745966692414834, 0, 0.7745966692414834].map(onUnit));
    close(gaussLegendre(3).weights, [5 / 18, 8 / 18, 5 / 18]);
    const five = [-0.906179845938664, -0.5384693101056831, 0, 0.5384693101056831, 0.906179845938664];
    const weights = [
      0.2369268850561891, 0.4786286704993665, 0.5688888888888889, 0.4786286704993665, 0.2369268850561891,
    ];
    close(gaussLegendre(5).points, five.map(onUnit));
    close(
      gaussLegendre(5).weights,
      weights.map((weight) => weight / 2),
    );
  });

  it.each([20, 80, 320])('of %i points integrates x^9 and exp exactly', (n) => {
    const { points, weights } = gaussLegendre(n);
    const integral = (f: (x: number) => number) => points.reduce((sum, x, i) => sum + weights[i]! * f(x), 0);
    expect(integral((x) => x ** 9)).toBeCloseTo(0.1, 12);
    expect(integral(Math.exp)).toBeCloseTo(Math.E - 1, 12);
  });
});

describeOnEveryEngine('Integrated Gradients', () => {
  it('of a polynomial are what can be worked out by hand', () => {
    // F_0 = x_1 x_2² with x' = 0: on the line x_1 gets a third of F and x_2 two thirds. F_1 is smaller.
    const product: EmbeddedClassifier = {
      vectors: () => ({ given: tf.tensor2d([[2], [3]]), baseline: tf.zeros([2, 1]) }),
      logits: (_, vectors) => {
        const [a, b] = tf.split(vectors, 2, 0) as [tf.Tensor2D, tf.Tensor2D];
        return tf.concat([tf.mul(a, tf.square(b)), tf.mul(a, -1)], 1) as tf.Tensor2D;
      },
    };
    const found = integratedGradients(product, { ids: Int32Array.of(0, 1), lengths: Int32Array.of(2) }, 20);
    expect(largestDifference(found.tokens, [6, 12])).toBeLessThan(1e-4);
    expect(found.change.dataSync()[0]).toBeCloseTo(18, 4);
  });

  it("of a teacher are those of their definition in float64, and add up to F(x) - F(x')", () => {
    const found = integratedGradients(embeddedTransformer(teacherWeights(), tinyBert), tokens, 40);
    const expected = sequences.map(attributionsInFloat64);
    const size = Math.max(...expected.flatMap((of) => of.tokens.map(Math.abs)));
    expect(size).toBeGreaterThan(0.05);
    expect(
      largestDifference(
        found.tokens,
        expected.flatMap((of) => of.tokens),
      ) / size,
    ).toBeLessThan(0.01);
    expect(
      largestDifference(
        found.change,
        expected.map(({ change }) => change),
      ),
    ).toBeLessThan(1e-4);
    const values = found.tokens.dataSync<'float32'>();
    const sums = [values.slice(0, 6), values.slice(6)].map((of) => of.reduce((sum, value) => sum + value, 0));
    expect(largestDifference(sums, found.change)).toBeLessThan(2e-3 * size);
    // [CLS] and [SEP] are in the baseline as well.
    expect([0, 5, 6, 8].map((place) => values[place])).toEqual([0, 0, 0, 0]);
  });

  it('leave two tensors and no other', () => {
    const classifier = embeddedTransformer(teacherWeights(), tinyBert);
    const before = tf.memory().numTensors;
    integratedGradients(classifier, tokens, 20);
    expect(tf.memory().numTensors).toBe(before + 2);
  });
});

describeOnEveryEngine('the attributions of all examples', () => {
  const examples: Examples = {
    rows: Int32Array.of(3, 4),
    labels: Int32Array.of(0, 1),
    inputs: { student: sequenceTable([[5, 6, 7], [8]]), teacher: sequenceTable(sequences) },
    alignment: Int32Array.of(-1, 0, 1, 1, 2, -1, -1, 0, -1),
  };
  const attribute = (classifier: EmbeddedClassifier, signal = new AbortController().signal) => {
    const told: number[] = [];
    return { told, outputs: attributeExamples(classifier, examples, 20, signal, (done) => told.push(done)) };
  };

  it('are means over the pieces of a word, with the error of every example', async () => {
    const classifier = embeddedTransformer(teacherWeights(), tinyBert);
    const { outputs, told } = attribute(classifier);
    const { attributions, errors, steps } = (await outputs)!;
    const pieces = integratedGradients(classifier, tokens, 20).tokens.dataSync();
    const expected = [pieces[1]!, (pieces[2]! + pieces[3]!) / 2, pieces[4]!, pieces[7]!];
    expect(largestDifference(attributions!.values, expected)).toBeLessThan(1e-4);
    for (const error of errors!.values) expect(error).toBeLessThan(0.05);
    expect([...steps!.values].every((taken) => [20, 80, 320].includes(taken))).toBe(true);
    expect(told).toEqual([2]);
    expect(await attribute(classifier, AbortSignal.abort()).outputs).toBeNull();
  });

  it('are done again with more steps where they do not add up, and told where they never do', async () => {
    /** A jump on the line, which no rule of points sees: F(x) - F(x') is 1, the gradient 0 everywhere. */
    const jump: EmbeddedClassifier = {
      vectors: ({ ids }) => ({ given: tf.ones([ids.length, 1]), baseline: tf.zeros([ids.length, 1]) }),
      logits: ({ lengths }, vectors) => {
        const first = tf.mul(tf.gather(vectors, tf.range(0, lengths.length, 1, 'int32')), 0);
        const step = tf.mul(tf.floor(tf.min(vectors)), 1).dataSync()[0]!;
        return tf.concat([tf.add(first, step), tf.sub(first, 9)], 1) as tf.Tensor2D;
      },
    };
    const outputs = (await attribute(jump).outputs)!;
    expect([...outputs.errors!.values]).toEqual([1, 1]);
    expect([...outputs.steps!.values]).toEqual([320, 320]);
    expect(completenessNote(outputs, 20)).toBe(
      "Integrated Gradients of 2 train rows in 20 steps: they miss F(x) - F(x') by 1.0e+2 % at the median, 1.0e+2 % at the 95th percentile, 1.0e+2 % at most; 2 rows took up to 16 times the steps, 2 stayed above 5 %",
    );
  });

  it('of a word without pieces are 0', () => {
    expect([...meanByWord(Float32Array.of(9, 1, 2), Int32Array.of(-1, 2, 2), 3)]).toEqual([0, 0, 1.5]);
  });
});
