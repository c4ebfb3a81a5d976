/** Every object key of a run and every environment variable of the trainer. Numbers are padded so that keys sort. */
const padded = (value: number, width: number): string => String(value).padStart(width, '0');

/** Written by servers when they start, to see that the storage keeps the conditions of writes. */
export const conditionProbeKey = 'probes/conditional-write';

/** The id of the records that the objects belong to, written by the first server that works on them. */
export const recordsKey = 'records.json';

export const experimentsPrefix = 'experiments/';
/** The definition of an experiment, written when it is created: with it the records can be rebuilt from the objects. */
export const experimentKey = (experimentId: string): string => `${experimentsPrefix}${experimentId}.json`;

export const runsPrefix = 'runs/';
export const runPrefix = (runId: string): string => `${runsPrefix}${runId}/`;
export const specKey = (runId: string): string => `${runPrefix(runId)}spec.json`;
export const resultKey = (runId: string): string => `${runPrefix(runId)}result.json`;
export const progressKey = (runId: string): string => `${runPrefix(runId)}progress.json`;
/**
 * Written when somebody cancels the run, or successive halving stops it, removed when it is taken up again: a wish that
 * no trainer knows of.
 */
export const cancelledKey = (runId: string): string => `${runPrefix(runId)}cancelled.json`;
export const historyKey = (runId: string): string => `${runPrefix(runId)}history.parquet`;

export const attemptsPrefix = (runId: string): string => `${runPrefix(runId)}attempts/`;
export const attemptKey = (runId: string, attempt: number): string =>
  `${attemptsPrefix(runId)}${padded(attempt, 4)}.json`;
export const attemptEndKey = (runId: string, attempt: number): string =>
  `${attemptsPrefix(runId)}${padded(attempt, 4)}.end.json`;

export const metricsPrefix = (runId: string): string => `${runPrefix(runId)}metrics/`;
export const metricsKey = (runId: string, attempt: number, sequence: number): string =>
  `${metricsPrefix(runId)}${padded(attempt, 4)}-${padded(sequence, 8)}.jsonl`;

export const checkpointsPrefix = (runId: string): string => `${runPrefix(runId)}checkpoints/`;
export const checkpointPrefix = (runId: string, step: number): string =>
  `${checkpointsPrefix(runId)}${padded(step, 10)}/`;
export const checkpointKey = (runId: string, step: number, file: string): string =>
  `${checkpointPrefix(runId, step)}${file}`;
export const checkpointStateFile = 'state.json';
/** A tag of every object of a checkpoint, where objects have tags: by it a bucket deletes those that are old. */
export const checkpointTag = { key: 'stillhouse', value: 'checkpoint' } as const;

export const predictionsPrefix = (runId: string): string => `${runPrefix(runId)}predictions/`;
export const predictionsKey = (runId: string, split: 'dev' | 'test', epoch: number): string =>
  `${predictionsPrefix(runId)}${split}-${padded(epoch, 4)}.parquet`;

/** Within the model: the teacher's LoRA or DoRA weights as an adapter of peft. */
export const adapterFolder = 'adapter';
/** The selected model: `student.safetensors` and its vocabulary, or a teacher as a Hugging Face folder. */
export const modelKey = (runId: string, file: string): string => `${runPrefix(runId)}model/${file}`;

/** Patterns (`*`: anything) of the keys that a trainer writes, and of those it deletes, in any run. */
export const trainerKeys = {
  written: [
    `${attemptsPrefix('*')}*`,
    `${metricsPrefix('*')}*`,
    `${checkpointsPrefix('*')}*`,
    `${predictionsPrefix('*')}*`,
    modelKey('*', '*'),
    progressKey('*'),
    historyKey('*'),
    resultKey('*'),
  ],
  deleted: [`${checkpointsPrefix('*')}*`],
} as const;

/** The run that a key is of; null for any other key. */
export function parseRunKey(key: string): string | null {
  return /^runs\/([^/]+)\/./.exec(key)?.[1] ?? null;
}

export const jobsPrefix = 'jobs/';
/** The runs of an array job, in the order of its children. */
export const jobManifestKey = (jobName: string): string => `${jobsPrefix}${jobName}.json`;

/** The attempt and sequence numbers in the key of a metrics chunk; null for any other key. */
export function parseMetricsKey(key: string): { attempt: number; sequence: number } | null {
  const match = /\/metrics\/(\d+)-(\d+)\.jsonl$/.exec(key);
  return match ? { attempt: Number(match[1]), sequence: Number(match[2]) } : null;
}

/** The step in the key of anything in a checkpoint; null for any other key. */
export function parseCheckpointKey(key: string): number | null {
  const match = /\/checkpoints\/(\d+)\//.exec(key);
  return match ? Number(match[1]) : null;
}

/** Environment of the trainer process. */
export const trainerEnvironment = {
  /** The run to carry out; its spec is read from the objects. */
  runId: 'STILLHOUSE_RUN_ID',
  /** Where the objects are: a directory, or `s3://bucket` with or without a prefix. */
  objects: 'STILLHOUSE_OBJECTS',
  /** Folder for what can be had again: models of the hub, teacher logits. */
  cache: 'STILLHOUSE_CACHE',
  /** The share of the cores this process may use, where the spec names no number of threads. */
  threads: 'STILLHOUSE_THREADS',
  /** Instead of a run: the key of the manifest of an array job, whose child picks its run by its own index. */
  manifest: 'STILLHOUSE_MANIFEST',
  /** The commit a program without its history was built from, such as that of the container. */
  commit: 'STILLHOUSE_COMMIT',
} as const;

/** What AWS Batch tells a container about its job. */
export const batchEnvironment = {
  jobId: 'AWS_BATCH_JOB_ID',
  arrayIndex: 'AWS_BATCH_JOB_ARRAY_INDEX',
} as const;

/** Exit codes of the trainer process. `interrupted`: a checkpoint was written, another attempt continues. */
export const exitCodes = { succeeded: 0, crash: 1, input: 2, numeric: 3, resources: 4, interrupted: 75 } as const;
