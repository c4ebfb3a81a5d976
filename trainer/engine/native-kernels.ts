import type { KernelFunc, NamedAttrMap, Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { composedGelu, composedGeluGradient, composedLayerNorm, composedLayerNormGradient } from './composed-kernels';
import {
  type AdamConstants,
  adamKernel,
  addInPlaceKernel,
  attentionGradientKernel,
  attentionKernel,
  geluGradientKernel,
  geluKernel,
  halfSquaredNormKernel,
  type KernelInputs as Inputs,
  layerNormGradientKernel,
  layerNormKernel,
  lstmGradientKernel,
  lstmKernel,
  traceTensors,
} from './kernels';

/** The part of tfjs-node's backend that calls TensorFlow's own kernels (`nodejs_kernel_backend.js`, 4.22). */
export interface NativeBackend {
  isUsingGpuDevice: boolean;
  binding: {
    TF_Version: string;
    TF_FLOAT: number;
    TF_INT64: number;
    TF_ATTR_BOOL: number;
    TF_ATTR_INT: number;
    TF_ATTR_STRING: number;
    TF_ATTR_SHAPE: number;
    TF_ATTR_FLOAT: number;
    TF_ATTR_TYPE: number;
    createTensor(shape: number[], dtype: number, values: Int32Array | Float32Array): number;
    executeOp(name: string, attributes: object[], inputIds: number[], outputs: number): { id: number }[];
    deleteTensor(id: number): void;
  };
  getInputTensorIds(tensors: TensorInfo[]): number[];
  createOutputTensor(metadata: { id: number }): Tensor;
}

type Kernel = (inputs: Inputs, attributes: NamedAttrMap, backend: NativeBackend) => TensorInfo | TensorInfo[];

/**
 * Registers the kernels of `kernels.ts` for TensorFlow: by BlockLSTMV2, BlockLSTMGradV2 and L2Loss, and the rest by the addon's
 * own operations or, where it has none, by ResourceApplyAdam and compositions.
 */
export function registerNativeKernels(): void {
  const kernels: Record<string, Kernel> = {
    [lstmKernel]: (inputs, _, backend) => blockLstm(inputs, backend),
    [lstmGradientKernel]: (inputs, _, backend) => blockLstmGradient(inputs, backend),
    [halfSquaredNormKernel]: (inputs, _, backend) => l2Loss(inputs, backend),
    [tf.BatchMatMul]: matMul(tf.getKernel(tf.BatchMatMul, 'tensorflow').kernelFunc),
    ...(hasOwnOperations(tf.backend() as unknown as NativeBackend) ? ownKernels : otherKernels),
  };
  const backendName = 'tensorflow';
  for (const [kernelName, kernel] of Object.entries(kernels)) {
    if (tf.getKernel(kernelName, backendName)) tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({
      ...{ kernelName, backendName },
      kernelFunc: ({ inputs, attrs, backend }) =>
        kernel(inputs as unknown as Inputs, attrs as NamedAttrMap, backend as NativeBackend),
    });
  }
}

/** By the operations of `install/addon`. */
const ownKernels: Record<string, Kernel> = {
  [adamKernel]: (inputs, constants, backend) => ownAdam(inputs, constants as unknown as AdamConstants, backend),
  [geluKernel]: ({ x }, _, backend) => ownOperation(backend, geluKernel, [x!], 1),
  [geluGradientKernel]: ({ x, dy }, _, backend) => ownOperation(backend, geluGradientKernel, [x!, dy!], 1),
  [layerNormKernel]: (inputs, { epsilon }, backend) => ownLayerNorm(inputs, epsilon as number, backend),
  [layerNormGradientKernel]: ({ dy, normal, inverseDeviation, gamma }, _, backend) =>
    ownOperation(backend, layerNormGradientKernel, [dy!, normal!, inverseDeviation!, gamma!], 1),
  [addInPlaceKernel]: ({ x, y }, _, backend) => ownOperation(backend, addInPlaceKernel, [x!, y!], 1),
  [attentionKernel]: (inputs, { heads }, backend) => ownAttention(inputs, heads as number, backend),
  [attentionGradientKernel]: (inputs, { heads }, backend) => ownAttentionGradient(inputs, heads as number, backend),
};

/** There is none for attention, which `ops/padded-attention.ts` then composes. */
const otherKernels: Record<string, Kernel> = {
  [adamKernel]: (inputs, constants, backend) => variablesAdam(inputs, constants as unknown as AdamConstants, backend),
  [geluKernel]: composedGelu,
  [geluGradientKernel]: composedGeluGradient,
  [layerNormKernel]: (inputs, { epsilon }) => composedLayerNorm(inputs, epsilon as number),
  [layerNormGradientKernel]: composedLayerNormGradient,
  [addInPlaceKernel]: ({ x, y }) => tf.add(x as Tensor, y as Tensor),
};

/**
 * Two matrices by MatMul. The package calls BatchMatMulV2 for all, for which oneDNN compiles a kernel for every shape, and the
 * number of tokens differs from batch to batch: 6 % of a meta-lora step.
 */
function matMul(stock: KernelFunc): Kernel {
  return (inputs, attrs, backend) => {
    const { a, b } = inputs as Record<'a' | 'b', TensorInfo>;
    if (a.shape.length !== 2 || b.shape.length !== 2 || a.dtype !== 'float32')
      return stock({ inputs: inputs as never, attrs, backend });
    const { binding } = backend;
    const attributes = [
      { name: 'transpose_a', type: binding.TF_ATTR_BOOL, value: attrs.transposeA },
      { name: 'transpose_b', type: binding.TF_ATTR_BOOL, value: attrs.transposeB },
      { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    ];
    const [product] = binding.executeOp('MatMul', attributes, backend.getInputTensorIds([a, b]), 1);
    return backend.createOutputTensor(product!);
  };
}

function blockLstm(inputs: Inputs, backend: NativeBackend): TensorInfo[] {
  const { x, weight, bias } = inputs as { x: TensorInfo; weight: TensorInfo; bias: TensorInfo };
  const [steps, batch] = x.shape as [number, number, number];
  const units = bias.shape[0]! / 4;
  const { binding } = backend;
  return tf.tidy(() => {
    const state = tf.zeros([batch, units]);
    const peephole = tf.zeros([units]);
    const stepsId = int64Scalar(backend, steps);
    const [xId, stateId, weightId, peepholeId, biasId] = backend.getInputTensorIds([x, state, weight, peephole, bias]);
    const attributes = [
      { name: 'cell_clip', type: binding.TF_ATTR_FLOAT, value: 0 },
      { name: 'use_peephole', type: binding.TF_ATTR_BOOL, value: false },
      { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    ];
    const ids = [stepsId, xId, stateId, stateId, weightId, peepholeId, peepholeId, peepholeId, biasId] as number[];
    const outputs = binding.executeOp('BlockLSTMV2', attributes, ids, 7);
    binding.deleteTensor(stepsId);
    return outputs.map((output) => backend.createOutputTensor(output));
  });
}

function blockLstmGradient(inputs: Inputs, backend: NativeBackend): TensorInfo[] {
  const { x, weight, bias, hiddenGradient } = inputs as Record<'x' | 'weight' | 'bias' | 'hiddenGradient', TensorInfo>;
  const [steps, batch] = x.shape as [number, number, number];
  const units = bias.shape[0]! / 4;
  const { binding } = backend;
  return tf.tidy(() => {
    const state = tf.zeros([batch, units]);
    const peephole = tf.zeros([units]);
    const cellStateGradient = tf.zeros([steps, batch, units]);
    const stepsId = int64Scalar(backend, steps);
    const trace = traceTensors(inputs as Parameters<typeof traceTensors>[0]);
    const ids = backend.getInputTensorIds([
      ...[x, state, state, weight, peephole, peephole, peephole, bias],
      ...trace,
      ...[cellStateGradient, hiddenGradient],
    ]);
    const attributes = [
      { name: 'use_peephole', type: binding.TF_ATTR_BOOL, value: false },
      { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    ];
    // x, cell state, hidden state, weight, three peepholes, bias
    const outputs = binding.executeOp('BlockLSTMGradV2', attributes, [stepsId, ...ids], 8);
    binding.deleteTensor(stepsId);
    const kept = [outputs[0]!, outputs[3]!, outputs[7]!];
    for (const output of outputs) if (!kept.includes(output)) binding.deleteTensor(output.id);
    return kept.map((output) => backend.createOutputTensor(output));
  });
}

/** Whether the addon brings the operations of `install/addon`: they are for the CPU, and part of an addon built by `npm run engine`. */
function hasOwnOperations(backend: NativeBackend): boolean {
  if (backend.isUsingGpuDevice) return false;
  try {
    // An addon of an older source may have others, but lacks this one.
    tf.tidy(() => {
      const token = tf.ones([1, 1]);
      const places = tf.tensor2d([0, 1, 0, 1], [1, 4], 'int32');
      ownAttention({ query: token, key: token, value: token, places }, 1, backend);
    });
    return true;
  } catch {
    return false;
  }
}

/** Runs an operation of the addon, which bears the name of the kernel; `held` are handles of further inputs. */
function ownOperation(
  backend: NativeBackend,
  name: string,
  inputs: TensorInfo[],
  outputs: number,
  held: number[] = [],
  attributes: object[] = [],
): TensorInfo[] | TensorInfo {
  const results = backend.binding.executeOp(name, attributes, [...backend.getInputTensorIds(inputs), ...held], outputs);
  const tensors = results.map((output) => backend.createOutputTensor(output));
  return outputs === 1 ? tensors[0]! : tensors;
}

/** One pass over memory and one call a weight, where `variablesAdam` takes ten. */
export function ownAdam(inputs: Inputs, constants: AdamConstants, backend: NativeBackend): TensorInfo[] {
  const { weight, gradient, meanGradient, meanSquare } = inputs as Record<string, TensorInfo>;
  const { beta1, beta2, rate, epsilon, gradientDecay, keep } = constants;
  const values = [1 - Math.fround(beta1), 1 - Math.fround(beta2), rate, epsilon, gradientDecay, keep];
  const given = [weight!, gradient!, meanGradient!, meanSquare!];
  return ownOperation(backend, adamKernel, given, 3, heldConstants(backend, [values])) as TensorInfo[];
}

function ownLayerNorm({ x, residual, gamma, beta }: Inputs, epsilon: number, backend: NativeBackend): TensorInfo[] {
  return tf.tidy(() => {
    const given = [x!, residual ?? tf.zeros([0]), gamma!, beta!]; // no elements: no residual
    return ownOperation(backend, layerNormKernel, given, 3, heldConstants(backend, [epsilon])) as Tensor[];
  });
}

const attentionInputs = ['query', 'key', 'value', 'prefixKey', 'prefixValue', 'places', 'dropout'];

function ownAttention(inputs: Inputs, heads: number, backend: NativeBackend): TensorInfo[] {
  return tf.tidy(() => {
    const absent = tf.zeros([0]);
    const given = attentionInputs.map((name) => inputs[name] ?? absent);
    return ownOperation(backend, attentionKernel, given, 2, [], headsAttribute(backend, heads)) as Tensor[];
  });
}

function ownAttentionGradient(inputs: Inputs, heads: number, backend: NativeBackend): TensorInfo[] {
  return tf.tidy(() => {
    const absent = tf.zeros([0]);
    const given = ['dContext', ...attentionInputs, 'probabilities'].map((name) => inputs[name] ?? absent);
    const attributes = headsAttribute(backend, heads);
    const gradients = ownOperation(backend, attentionGradientKernel, given, 5, [], attributes) as Tensor[];
    return inputs.prefixKey ? gradients : gradients.slice(0, 3);
  });
}

const headsAttribute = ({ binding }: NativeBackend, heads: number): object[] => [
  { name: 'heads', type: binding.TF_ATTR_INT, value: heads },
];

/** The shared name by which TensorFlow makes a variable that goes with the last handle to it (`ResourceHandle`). */
const anonymousVariable = 'cd2c89b7-88b7-44c8-ad83-06c2a9158347';

/**
 * ResourceApplyAdam updates variables in place. Variables made for this one update take the tensors without copying them, and
 * TensorFlow copies before it writes what a tensor shares: so nothing given changes. With both powers of beta 0 the
 * kernel's own bias corrections are 1.
 */
export function variablesAdam(inputs: Inputs, constants: AdamConstants, backend: NativeBackend): TensorInfo[] {
  const { weight, gradient, meanGradient, meanSquare } = inputs as Record<string, Tensor>;
  const { beta1, beta2, rate, epsilon, gradientDecay, keep } = constants;
  const { binding } = backend;
  const type = { name: 'dtype', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT };
  return tf.tidy(() => {
    const variables = [keep === 1 ? weight! : tf.mul(weight!, keep), meanGradient!, meanSquare!].map((tensor) => {
      const attributes = [
        type,
        { name: 'shape', type: binding.TF_ATTR_SHAPE, value: tensor.shape },
        { name: 'shared_name', type: binding.TF_ATTR_STRING, value: anonymousVariable },
        { name: 'container', type: binding.TF_ATTR_STRING, value: '' },
      ];
      const { id } = binding.executeOp('VarHandleOp', attributes, [], 1)[0]!;
      binding.executeOp('AssignVariableOp', [type], [id, ...backend.getInputTensorIds([tensor])], 0);
      // A product of our own: with nothing else holding it, it is updated where it lies.
      if (tensor !== weight && tensor !== meanGradient && tensor !== meanSquare) tensor.dispose();
      return id;
    });
    const decayed = gradientDecay === 0 ? gradient! : tf.add(gradient!, tf.mul(weight!, gradientDecay));
    const attributes = [
      { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
      { name: 'use_locking', type: binding.TF_ATTR_BOOL, value: false },
      { name: 'use_nesterov', type: binding.TF_ATTR_BOOL, value: false },
    ];
    const scalars = heldConstants(backend, [0, rate, beta1, beta2, epsilon]) as [number, ...number[]];
    const ids = [...variables, scalars[0], ...scalars, ...backend.getInputTensorIds([decayed])];
    binding.executeOp('ResourceApplyAdam', attributes, ids, 0);
    return variables.map((id) => {
      const [value] = binding.executeOp('ReadVariableOp', [type], [id], 1);
      binding.deleteTensor(id);
      return backend.createOutputTensor(value!);
    });
  });
}

let held: { values: number[][]; ids: number[] } = { values: [], ids: [] };

/**
 * Constants that one call after another takes, a number as a scalar and a list as a vector: those of an update for all
 * weights, that of layer norm for all layers. Making and freeing them costs more than the update of a small weight. The
 * last ones are kept until others are asked for.
 */
function heldConstants({ binding }: NativeBackend, values: (number | number[])[]): number[] {
  const asLists = values.map((value) => [value].flat());
  if (`${asLists}` !== `${held.values}`) {
    for (const id of held.ids) binding.deleteTensor(id);
    const ids = values.map((value) =>
      binding.createTensor(
        Array.isArray(value) ? [value.length] : [],
        binding.TF_FLOAT,
        Float32Array.from([value].flat()),
      ),
    );
    held = { values: asLists, ids };
  }
  return held.ids;
}

function l2Loss({ x }: Inputs, backend: NativeBackend): TensorInfo {
  const { binding } = backend;
  const type = { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT };
  const [output] = binding.executeOp('L2Loss', [type], backend.getInputTensorIds([x!]), 1);
  return backend.createOutputTensor(output!);
}

/** A handle the backend does not track (tfjs-core has no int64); the caller deletes it. */
function int64Scalar({ binding }: NativeBackend, value: number): number {
  return binding.createTensor([], binding.TF_INT64, new Int32Array([value, 0]));
}
