import * as tf from '@tensorflow/tfjs-core';
import type { StoredStudent } from './student-folder';

/**
 * A student as a LayersModel of TensorFlow.js, which `tf.loadLayersModel` of the plain library reads: word ids [b, t] with
 * 0 behind the end of a text, which the embedding masks, to logits [b, c]. Written by the library itself.
 */
export async function tensorflowJsFiles({ weights }: StoredStudent): Promise<Record<string, Uint8Array | string>> {
  // Half a second to load, and needed for nothing else.
  const layers = await import('@tensorflow/tfjs-layers');
  const [words, width] = weights['embedding.weight']!.shape as [number, number];
  const [classes, stateSize] = weights['dense.weight']!.shape as [number, number];
  const units = stateSize / 2;
  const model = layers.sequential({
    name: 'student',
    layers: [
      layers.layers.embedding({
        name: 'embedding',
        inputDim: words,
        outputDim: width,
        maskZero: true,
        inputShape: [null],
      }),
      layers.layers.bidirectional({
        name: 'lstm',
        mergeMode: 'concat',
        // The library's own default for the gates is a piecewise linear function.
        layer: layers.layers.lstm({ units, activation: 'tanh', recurrentActivation: 'sigmoid' }) as never,
      }),
      layers.layers.dense({ name: 'dense', units: classes, activation: 'linear' }),
    ],
  });
  const direction = (name: 'forward' | 'backward'): tf.Tensor[] => {
    const { values } = weights[`lstm.${name}.weight`]!; // [e + u, 4u], gates i f c o as in Keras
    const inputValues = width * 4 * units;
    return [
      tf.tensor2d(values.subarray(0, inputValues), [width, 4 * units]),
      tf.tensor2d(values.subarray(inputValues), [units, 4 * units]),
      tf.tensor1d(weights[`lstm.${name}.bias`]!.values),
    ];
  };
  tf.tidy(() => {
    model.setWeights([
      tf.tensor2d(weights['embedding.weight']!.values, [words, width]),
      ...direction('forward'),
      ...direction('backward'),
      tf.transpose(tf.tensor2d(weights['dense.weight']!.values, [classes, stateSize])),
      tf.tensor1d(weights['dense.bias']!.values),
    ]);
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
