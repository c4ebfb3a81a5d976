import type { TrainingMethodName } from '../../contract/methods';
import type { ParameterOverrides } from '../../contract/parameters';

/** A training step that is measured, and the PyTorch steps that do the same work. */
export interface MeasuredStep {
  name: string;
  method: TrainingMethodName;
  parameters: ParameterOverrides;
  peers: Peer[];
}

/** A method of the PyTorch reference, as its `bench_steps.py` names it. */
export interface Peer {
  name: string;
  method: string;
  /** Length that every sequence is padded to; 0: the longest of the batch. */
  pad: number;
  /** What the ratio to it should be at most; null: no figure was set. */
  target: number | null;
}

/** The reference's own settings, on both sides. */
const shared: ParameterOverrides = {
  batchSize: 32,
  quizBatchSize: 32,
  lengthAwareBatching: true,
  studentDropout: 0.1,
  studentOptimizer: 'adam',
  teacherOptimizer: 'adamw',
  gradientClipping: 1,
  loss: 'kl',
  temperature: 2,
  alpha: 0.5,
  pilotOptimizer: 'sgd',
  pilotLearningRate: 0.05,
};

const fair = (method: string, target: number | null): Peer => ({ name: 'fair', method, pad: 0, target });
const authors = (method: string, target: number | null): Peer => ({ name: "authors' style", method, pad: 128, target });

export const measuredSteps: readonly MeasuredStep[] = [
  { name: 'scratch', method: 'scratch', parameters: shared, peers: [fair('scratch', 1)] },
  { name: 'kd', method: 'kd', parameters: shared, peers: [fair('kd-cached', 1)] },
  {
    name: 'meta-lora',
    method: 'meta-lora',
    parameters: shared,
    peers: [authors('meta-lora', 0.15), fair('cheap-lora-cls', 1)],
  },
  {
    name: 'meta-lora-upper-2',
    method: 'meta-lora',
    parameters: { ...shared, loraLayers: [4, 5] },
    peers: [fair('cheap-lora-cls', 0.4)],
  },
  {
    name: 'meta-full',
    method: 'meta-full',
    parameters: shared,
    peers: [authors('meta-full', null), fair('cheap-full-cls', null)],
  },
  {
    name: 'finetune',
    method: 'finetune',
    parameters: { ...shared, teacherDropout: 0.1, teacherWeightDecay: 0.01 },
    peers: [fair('finetune-cls', null)],
  },
];

/** What a side is told before the first step: rows of the train file, batch by batch. */
export interface Batches {
  train: number[][];
  quiz: number[][];
  /** Rows that the student's vocabulary is made of. */
  vocabulary: number[];
}

/** What a step took on one side. */
export interface StepCost {
  wallSeconds: number;
  /** Of all threads of the process. */
  cpuSeconds: number;
}

/** Files of the folder given by `--data`, laid out as the README of the real data tells. */
export const dataFiles = (folder: string) => ({
  train: `${folder}/twitter-financial-news-sentiment/sent_train.csv`,
  test: `${folder}/twitter-financial-news-sentiment/sent_valid.csv`,
  vectors: `${folder}/glove/glove.6B.50d.merged-7844.txt`,
  teacher: `${folder}/minilm-l6-uncased`,
});
