import * as tf from '@tensorflow/tfjs-core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { StoredBilstm } from '../models/word/folder';

/**
 * A student as a LayersModel of TensorFlow.js, which `tf.loadLayersModel` of the plain library reads: word ids [b, t] with
 * 0 behind the end of a text, which the embedding masks, to logits [b, c]. Written by the library itself.
 */
export async function tensorflowJsFiles({ weights }: StoredBilstm): Promise<Record<string, Uint8Array | string>> {
  // Half a second to load, and needed for nothing else.
  const layers = await import('@tensorflow/tfjs-layers');
  const [words, width] = weights['embedding.weight']!.shape as [number, number];
  const [classes, stateSize] = weights['dense.weight']!.shape as [number, number];
  const units = stateSize / 2;
  const attention = weights['attention.weight']; // [a, 2u]; its vector is [1, a]
  const { embedding, bidirectional, lstm, dense, ...others } = layers.layers;
  const ids = layers.input({ name: 'words', shape: [null] });
  const vectors = embedding({ name: 'embedding', inputDim: words, outputDim: width, maskZero: true }).apply(ids);
  const states = bidirectional({
    name: 'lstm',
    mergeMode: 'concat',
    // The library's own default for the gates is a piecewise linear function.
    layer: lstm({
      units,
      activation: 'tanh',
      recurrentActivation: 'sigmoid',
      returnSequences: attention !== undefined,
    }) as never,
  }).apply(vectors) as SymbolicTensor;
  const logits = dense({ name: 'dense', units: classes, activation: 'linear' });
  const model = layers.model({
    name: 'student',
    inputs: ids,
    outputs: logits.apply(attention === undefined ? states : pooled(attention.shape[0]!)) as SymbolicTensor,
  });

  /**
   * The mean of the states [b, t, 2u] by the softmax of their scores. 0 gets a score of -1e9: the library's softmax layer
   * takes masks of another shape alone.
   */
  function pooled(hidden: number): SymbolicTensor {
    const linear = { activation: 'linear', useBias: false } as const;
    const inner = dense({ ...linear, name: 'attention', units: hidden, activation: 'tanh' }).apply(states);
    const scores = dense({ ...linear, name: 'score', units: 1 }).apply(inner) as SymbolicTensor; // [b, t, 1]
    const ends = embedding({ name: 'ends', inputDim: words, outputDim: 1 }).apply(ids) as SymbolicTensor;
    const all = others.add({ name: 'scores' }).apply([scores, ends]);
    const shares = others
      .activation({ name: 'shares', activation: 'softmax' })
      .apply(others.permute({ dims: [2, 1] }).apply(all)); // [b, 1, t]
    const mean = others.dot({ name: 'mean', axes: [2, 1] }).apply([shares as SymbolicTensor, states]); // [b, 1, 2u]
    return others.flatten({ name: 'state' }).apply(mean) as SymbolicTensor;
  }

  const direction = (name: 'forward' | 'backward'): tf.Tensor[] => {
    const { values } = weights[`lstm.${name}.weight`]!; // [e + u, 4u], gates i f c o as in Keras
    const inputValues = width * 4 * units;
    return [
      tf.tensor2d(values.subarray(0, inputValues), [width, 4 * units]),
      tf.tensor2d(values.subarray(inputValues), [units, 4 * units]),
      tf.tensor1d(weights[`lstm.${name}.bias`]!.values),
    ];
  };
  const transposed = (name: string): tf.Tensor => {
    const { shape, values } = weights[name]!;
    return tf.transpose(tf.tensor2d(values, shape as [number, number]));
  };
  tf.tidy(() => {
    const set = (name: string, values: tf.Tensor[]) => model.getLayer(name).setWeights(values);
    set('embedding', [tf.tensor2d(weights['embedding.weight']!.values, [words, width])]);
    set('lstm', [...direction('forward'), ...direction('backward')]);
    set('dense', [transposed('dense.weight'), tf.tensor1d(weights['dense.bias']!.values)]);
    if (attention === undefined) return;
    set('attention', [transposed('attention.weight')]);
    set('score', [transposed('attention.vector')]);
    set('ends', [tf.tensor2d([-1e9, ...new Array<number>(words - 1).fill(0)], [words, 1])]);
  });
  const files: Record<string, Uint8Array | string> = {};
  await model.save(
    tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData, format, generatedBy }) => {
      const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
      files['model.json'] = `${JSON.stringify({ format, generatedBy, modelTopology, weightsManifest }, null, 2)}\n`;
      files['weights.bin'] = new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  model.dispose();
  return files;
}
