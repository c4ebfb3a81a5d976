/**
 * Kernels of the portable engine in AssemblyScript: WebAssembly on the memory of TensorFlow.js's own backend, so that
 * tensors are used where they lie. Arguments are byte offsets of float32 (ids: int32) arrays and sizes in elements.
 * `npm run kernels` compiles them into the committed `kernels.wasm`, and products alone, on memory that threads share, into
 * `matmul.wasm`; a test holds sources and both together.
 */
export { attention, attentionGradient, attentionProbabilities, attentionScratchBytes } from './attention';
export { erf, exp, tanh } from './elementwise';
export { gelu, geluGradient } from './gelu';
export { layerNorm, layerNormGradient } from './layer-norm';
export { lstm, lstmGradient, lstmScratchBytes } from './lstm';
export { matMul, matMulRows, matMulScratchBytes } from './matmul';
export { adam } from './optimizer';
export { addRows, gatherRows, segmentSum, sumRows } from './rows';
