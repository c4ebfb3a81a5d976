/** Logits of a LayersModel by the plain TensorFlow.js, as any page or program would load it. */
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const tf = require('@tensorflow/tfjs');

const { folder, words } = JSON.parse(readFileSync(0, 'utf8'));
const load = async () => {
  const { weightsManifest, ...model } = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8'));
  const weightData = Uint8Array.from(readFileSync(join(folder, weightsManifest[0].paths[0]))).buffer;
  return { ...model, weightSpecs: weightsManifest[0].weights, weightData };
};
tf.setBackend('cpu')
  .then(() => tf.loadLayersModel({ load }))
  .then((model) => console.log(JSON.stringify(model.predict(tf.tensor2d(words, undefined, 'int32')).arraySync())));
