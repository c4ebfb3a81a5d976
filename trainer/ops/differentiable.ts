import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** Whether the gradient of an input is asked for; a frozen weight's is not. */
export type Needs<Name extends string> = (input: Name) => boolean;

/** An operation with a gradient written by hand: one entry on the tape, whatever kernels it runs. */
export interface Operation<Name extends string, Output extends Tensor> {
  name: string;
  /** What a gradient may be asked for; null or undefined: absent. Index tensors and masks are no inputs. */
  inputs: Readonly<Partial<Record<Name, Tensor | null>>>;
  /** Kernels run in here are not recorded. `saved` is what `gradient` gets back; nothing else survives until then. */
  forward: () => { output: Output; saved: Tensor[] };
  /** The gradients of all needed inputs at once, from dL/doutput; others may be left out. */
  gradient: (outputGradient: Output, saved: Tensor[], needs: Needs<Name>) => Partial<Record<Name, Tensor>>;
}

/**
 * Runs an operation and, where a tape is being recorded, puts it there. Unlike `tf.customGrad`, the gradient learns
 * which inputs need one (weights that are frozen cost nothing in the backward pass), and what is saved is shared, not
 * copied: `tf.clone`, by which TensorFlow.js saves, copies every byte on the WebAssembly backend.
 */
export function differentiable<Name extends string, Output extends Tensor>(operation: Operation<Name, Output>): Output {
  const { state } = tf.engine();
  const taping = tf.engine().isTapeOn();
  let saved: Tensor[] = [];
  let output: Output;
  state.kernelDepth++;
  try {
    output = tf.tidy(() => {
      const result = operation.forward();
      if (taping) saved = result.saved.map((tensor) => tf.keep(shareData(tensor)));
      return result.output;
    });
  } finally {
    state.kernelDepth--;
  }
  if (taping) {
    const inputs = Object.fromEntries(Object.entries(operation.inputs).filter(([, tensor]) => tensor != null));
    state.activeTape.push({
      id: state.nextTapeNodeId++,
      kernelName: operation.name,
      inputs: inputs as Record<string, Tensor>,
      outputs: [output],
      saved,
      gradient: ([outputGradient], needs: Needs<Name> = () => true) => {
        const gradients = operation.gradient(outputGradient as Output, saved, needs);
        return Object.fromEntries(Object.entries<Tensor | undefined>(gradients).map(([name, g]) => [name, () => g!]));
      },
    });
  }
  return output;
}

/** Another tensor on the same data, disposed of on its own; costs no copy on any backend. */
export function shareData<T extends Tensor>(tensor: T): T {
  tf.backend().incRef(tensor.dataId);
  return tf.engine().makeTensorFromTensorInfo(tensor) as T;
}
