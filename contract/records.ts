import { z } from 'zod';
import { capacities } from './compute';
import { storedSpecSchema } from './run-spec';

/** One line of a metrics chunk. `scope` tells a step's training figures from the evaluation that closes an epoch. */
export const metricRecordSchema = z.strictObject({
  step: z.int().min(0),
  epoch: z.int().min(0),
  elapsedSeconds: z
    .number()
    .min(0)
    .describe('Wall clock of the run up to here, over all attempts, without the time between them.'),
  scope: z.enum(['step', 'epoch']),
  values: z.record(z.string(), z.number().nullable()).describe('null: not a number, or infinite.'),
});
export type MetricRecord = z.output<typeof metricRecordSchema>;

/** The runs of an array job: child `i` carries out `runIds[i]`. */
export const jobManifestSchema = z.strictObject({ version: z.literal(1), runIds: z.array(z.string()).min(2) });
export type JobManifest = z.output<typeof jobManifestSchema>;

/** The machine an attempt is billed for. */
export const machineSchema = z.strictObject({
  instanceType: z.string().describe('Of EC2: g5.xlarge.'),
  capacity: z.enum(capacities).nullable().describe('null: not known.'),
  billedFrom: z.iso
    .datetime()
    .optional()
    .describe(
      'Since when the machine waits for this attempt: since its launch, or the end of the attempt before; its start is paid for too.',
    ),
});
export type Machine = z.output<typeof machineSchema>;

/** Energy an attempt has used so far: of its GPU where it trains on one, else its share of the processors. */
export const energySchema = z.strictObject({
  wattHours: z.number().min(0),
  source: z.enum(['measured', 'estimated']),
  how: z.string().describe('For a person: by which instrument, or from which power.'),
});
export type Energy = z.output<typeof energySchema>;

/** Wall clocks are set, forward and back: what an attempt is billed for is measured by one that only runs. */
const attemptSecondsSchema = z
  .number()
  .min(0)
  .optional()
  .describe('Since the attempt began, by a clock that nobody sets; absent where the trainer did not tell.');

/** Written once when an attempt begins, create-if-absent: it is the claim on the attempt's number. */
export const attemptSchema = z.strictObject({
  version: z.literal(1),
  runId: z.string(),
  attempt: z.int().min(1),
  startedAt: z.iso.datetime(),
  host: z.string(),
  pid: z.int(),
  engine: z.strictObject({
    name: z.enum(['native', 'portable']),
    version: z.string(),
    device: z.string(),
    threads: z.int(),
    reason: z.string(),
  }),
  node: z.string(),
  code: z.string().describe('Version of the trainer: of its package, and behind a `+` the commit where it is known.'),
  resumedFromStep: z
    .int()
    .min(0)
    .nullable()
    .describe('Step of the checkpoint it continues from; null: from the start.'),
  job: z.string().optional().describe('Id of the Batch job that runs it; absent outside Batch.'),
  machine: machineSchema.optional().describe('Absent where nobody bills for it, or none was told.'),
});
export type Attempt = z.output<typeof attemptSchema>;

/** Why an attempt ended without a result. Only `interrupted` and `crash` are worth another attempt as they are. */
export const failureKinds = ['input', 'numeric', 'resources', 'crash'] as const;

/** Written when an attempt ends by its own doing; an attempt without it was killed. */
export const attemptEndSchema = z.discriminatedUnion('outcome', [
  z.strictObject({
    outcome: z.literal('succeeded'),
    endedAt: z.iso.datetime(),
    energy: energySchema.optional(),
    attemptSeconds: attemptSecondsSchema,
  }),
  z.strictObject({
    outcome: z.literal('interrupted'),
    endedAt: z.iso.datetime(),
    step: z.int().min(0),
    energy: energySchema.optional(),
    attemptSeconds: attemptSecondsSchema,
  }),
  z.strictObject({
    outcome: z.literal('failed'),
    endedAt: z.iso.datetime(),
    kind: z.enum(failureKinds),
    message: z.string(),
    problems: z.array(z.strictObject({ path: z.string(), message: z.string() })),
    step: z.int().min(0).nullable(),
    energy: energySchema.optional(),
    attemptSeconds: attemptSecondsSchema,
  }),
]);
export type AttemptEnd = z.output<typeof attemptEndSchema>;

/** Overwritten every few seconds while an attempt lives: its heartbeat and how far it is. */
export const progressSchema = z.strictObject({
  attempt: z.int().min(1),
  at: z.iso.datetime(),
  phase: z.string().describe('What it is doing, for a person: "loading the teacher", "training", "evaluating".'),
  step: z.int().min(0),
  totalSteps: z.int().min(0),
  epoch: z.int().min(0),
  totalEpochs: z.int().min(0),
  energy: energySchema.optional(),
  attemptSeconds: attemptSecondsSchema,
});
export type Progress = z.output<typeof progressSchema>;

/** A file as it was read: its bytes, and the rows found in it. */
const dataFileSchema = z.strictObject({ sha256: z.string(), rows: z.int() });
export type DataFile = z.output<typeof dataFileSchema>;

const dataFilesSchema = z.strictObject({ train: dataFileSchema, test: dataFileSchema });
export type DataFiles = z.output<typeof dataFilesSchema>;

/** A file among the objects, by which a changed one is known. */
const storedFileSchema = z.strictObject({ name: z.string(), sizeBytes: z.int(), sha256: z.string() });
export type StoredFile = z.output<typeof storedFileSchema>;

/** What a checkpoint holds beside its tensors; written last, so its presence makes the checkpoint complete. */
export const checkpointStateSchema = z.strictObject({
  version: z.literal(1),
  step: z.int().min(0),
  epoch: z.int().min(0),
  stepInEpoch: z.int().min(0),
  elapsedSeconds: z.number().min(0),
  attempt: z.int().min(1),
  /** Sums since the last metric record and since the epoch began, so that a resumed run logs the same means. */
  accumulators: z.record(z.string(), z.number()),
  /** Seconds by phase so far. */
  seconds: z.record(z.string(), z.number()),
  optimizerSteps: z.record(z.string(), z.int().min(0)),
  selected: z.nullable(z.strictObject({ epoch: z.int(), step: z.int(), score: z.number() })),
  dataFiles: dataFilesSchema.optional().describe('What it was trained on; absent where the trainer did not tell.'),
  files: z.array(storedFileSchema),
});
export type CheckpointState = z.output<typeof checkpointStateSchema>;

/** An evaluated epoch as the result keeps it. */
const evaluatedEpochSchema = z.strictObject({
  epoch: z.int().min(0),
  step: z.int().min(0),
  elapsedSeconds: z.number().min(0),
  values: z.record(z.string(), z.number().nullable()),
});

/** Written last; its presence is success. */
export const resultSchema = z.strictObject({
  version: z.literal(1),
  runId: z.string(),
  attempt: z.int().min(1),
  finishedAt: z.iso.datetime(),
  attemptSeconds: attemptSecondsSchema,
  spec: storedSpecSchema,
  classes: z.array(z.string()),
  rows: z.strictObject({ train: z.int(), quiz: z.int(), dev: z.int(), test: z.int() }),
  dataFiles: dataFilesSchema.optional().describe('Absent in results of trainers that did not tell.'),
  selectedOn: z.string().describe('The metric that selected the epoch.'),
  selected: evaluatedEpochSchema.describe(
    'The epoch best by `selectedOn` (the earliest of equals): its weights are the model of the run.',
  ),
  final: evaluatedEpochSchema,
  trainedParameters: z.int().min(0),
  modelBytes: z.int().min(0),
  modelFiles: z
    .array(storedFileSchema)
    .optional()
    .describe('Below model/, for whoever reads them; absent in results of trainers that did not tell.'),
  seconds: z.record(z.string(), z.number()).describe('Wall clock by phase: total, train, evaluate, load, ...'),
  notes: z
    .array(z.string())
    .describe('What a reader must know: a pooler that was initialised, a subsample, a short dev set.'),
});
export type Result = z.output<typeof resultSchema>;

/** A chunk of records as it was written: by which attempt, and where that attempt began. */
export interface AttemptRecords {
  attempt: number;
  resumedFromStep: number | null;
  records: MetricRecord[];
}

/**
 * The one line of history of a run over all its attempts: an attempt's records end where the next one resumed,
 * since everything after that checkpoint was computed again. A checkpoint between an epoch's last step and its evaluation
 * makes the later attempt repeat a record of the very step it resumed from: the later one stands.
 */
export function stitch(attempts: readonly AttemptRecords[]): MetricRecord[] {
  let history: MetricRecord[] = [];
  for (const { resumedFromStep, records } of [...attempts].sort((a, b) => a.attempt - b.attempt)) {
    const madeAgain = new Set(records.map(({ step, scope }) => `${step} ${scope}`));
    const isKept = ({ step, scope }: MetricRecord) =>
      resumedFromStep !== null && step <= resumedFromStep && !madeAgain.has(`${step} ${scope}`);
    history = [...history.filter(isKept), ...records];
  }
  return history;
}
