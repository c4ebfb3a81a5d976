import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { Batch, Role } from '../data/batch';
import type { RandomStream } from '../numeric/random';
import type { Logits, Weights } from '../numeric/weights';
import type { PaddedPlaces } from '../ops/attention-pool';
import type { Encoder } from '../tokenizers/encoder';
import type { Sequences } from '../tokenizers/sequences';

/** Files of a saved model, by name. */
export type SavedFiles = Record<string, Uint8Array | string>;

export interface ModelSizes {
  /** Number of layers, each of which leaves a state per token. */
  layers: number;
  /** Width of the vectors that enter the first layer. */
  embedding: number;
  /** Width of the states that leave a layer. */
  hidden: number;
  /** Longest sequence the model can read; null: any. */
  positions: number | null;
}

/** Role of a matrix within its layer; parameter-efficient fine-tuning and compression choose matrices by it. */
export type MatrixRole =
  | 'query'
  | 'key'
  | 'value'
  | 'attention-output'
  | 'intermediate'
  | 'output'
  | 'forward'
  | 'backward';

/** One layer of a model. */
export interface ModelLayer {
  /** Beginning of the names of the layer's weights. */
  name: string;
  /** Its matrices: `<name>.weight`, [outputs, inputs]; the other way round where `inputsFirst`. */
  matrices: Partial<
    Readonly<Record<MatrixRole, { name: string; shape: readonly [number, number]; inputsFirst?: boolean }>>
  >;
}

/** A module inserted into some layers: adapters `size` wide, or prefixes of `size` keys and values. */
export interface InsertedModule {
  size: number;
  layers: readonly number[];
}

/** Modules inserted into a model by an earlier or the present training; null: none. */
export interface InsertedModules {
  adapters: InsertedModule | null;
  prefixes: InsertedModule | null;
}

/** What parameter-efficient fine-tuning needs to know of a model. */
export interface PeftBase {
  layers: readonly ModelLayer[];
  /** Width of the states, which inserted modules read. */
  hidden: number;
  /** Standard deviation of freshly drawn matrices. */
  initializerRange: number;
  inserted: InsertedModules;
}

export interface PassOptions {
  /** Where dropout masks are drawn from, once: all calls of the result share them. null: evaluation mode. */
  dropout: RandomStream | null;
  /** States that enter a layer, [n, d], by `statesEntering`: the layers below are skipped. Without dropout only. */
  from?: { layer: number; states: Tensor2D } | null;
}

/** The states that lead to the logits of a batch of n tokens in b sequences. */
export interface ModelStates {
  /** [b, c] */
  logits: Tensor2D;
  /** The vectors that enter the first layer, [n, embedding], then the states that leave each layer, [n, hidden]. */
  layers: readonly Tensor2D[];
  /** The state that stands for a whole sequence after a layer (counted from 1), [b, hidden]; after the last the head reads it. */
  summary(layer: number): Tensor2D;
  /** Scores of the attention that pools the tokens, before the softmax, [n, 1]; null for a model that does not pool so. */
  attention: { scores: Tensor2D; places: PaddedPlaces } | null;
}

/** A classifier as a function of the vectors of its tokens. */
export interface EmbeddedClassifier {
  /** The vectors of the tokens, [n, d], and those of an empty text in their place. */
  vectors(inputs: Sequences): { given: Tensor2D; baseline: Tensor2D };
  /** [n, d] -> [b, c] */
  logits(inputs: Sequences, vectors: Tensor2D): Tensor2D;
}

/**
 * A classifier of any architecture: what methods, losses, fine-tuning, teachers' outputs and export know of a network. It holds
 * no tensors: weights are passed in, so that any part of them may learn.
 */
export interface Model {
  sizes: ModelSizes;
  /** For messages: "a BiLSTM of 50 units". */
  description: string;
  encoder: Encoder;
  /** Everything besides weights and inputs that its outputs depend on; part of cache keys. */
  constants: unknown;
  /** Beginnings of the names of the head's weights. */
  head: readonly string[];
  layers: readonly ModelLayer[];
  logits(inputs: Sequences, options: PassOptions): Logits;
  states(inputs: Sequences, options: PassOptions): (weights: Weights) => ModelStates;
  /** The states that enter a layer (counted from 0) in evaluation mode, [n, hidden]; what `PassOptions.from` takes. */
  statesEntering(weights: Weights, inputs: Sequences, layer: number): Tensor2D;
  embedded(weights: Weights): EmbeddedClassifier;
  /** null: parameter-efficient fine-tuning is not available. */
  peft: PeftSupport | null;
  /** The folder that `openModel` reads back. */
  save(weights: Weights): Promise<SavedFiles>;
}

export interface PeftSupport {
  base: PeftBase;
  /** The same model with other inserted modules, and with LoRA matrices scaled by `loraScale`. */
  with(changes: { inserted: InsertedModules; loraScale: number }): Model;
  /** Name of a weight in the model's own files. */
  nameInFile(name: string): string;
}

/** A model with its weights. */
export interface LoadedModel {
  model: Model;
  /** Float32; the caller disposes of them. */
  weights: Weights;
  /** Whether its head has been trained: before that its scores mean nothing. */
  isTrained: boolean;
  /** Matrices whose zeros are kept; none for a model that was not pruned. */
  sparseMatrices: readonly string[];
  /** What a reader of the result should know. */
  notes: string[];
}

/**
 * A model bound to its part of a batch.
 *
 * @param dropout where dropout masks are drawn from, once: all calls of the result share them. null: evaluation mode
 */
export type Classifier = (batch: Batch, dropout: RandomStream | null) => Logits;

/** As `Classifier`, with the states that lead to the logits. */
export type StateReader = (batch: Batch, dropout: RandomStream | null) => (weights: Weights) => ModelStates;

/** The part of a batch that a model reads. @throws Error if the batch was not encoded for it */
export function inputsOf(batch: Batch, role: Role): Sequences {
  const inputs = batch.inputs[role];
  if (inputs === null) throw new Error(`the batch holds nothing for a ${role}`);
  return inputs;
}

/** Name of a weight that a method trains beside the student and that is not saved with it. */
export const trainingOnly = (name: string): string => `training-only.${name}`;

/** The weights that are saved: all but those for training only. */
export const withoutTrainingOnly = (weights: Weights): Weights =>
  Object.fromEntries(Object.entries(weights).filter(([name]) => !name.startsWith(trainingOnly(''))));
