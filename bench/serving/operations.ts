import type { MetricRecord } from '../../contract/records';

/** Runs that are followed: by some, event upon event; and by many, with time between events. */
export const followedRuns = { closely: 'closely', widely: 'widely' } as const;
export type FollowedRun = keyof typeof followedRuns;

/** The operations that are measured: the same text for this service and for its peers. */
export const viewerQuery = '{ viewer { name } }';

export const runsQuery = `{ runs(first: 20) { nodes { id variant seed state progress { step totalSteps }
  metrics(names: ["test/accuracy"]) { name last best } } } }`;

export const metricsSubscription = `subscription ($runId: ID!, $after: String) {
  metricsLogged(runId: $runId, after: $after) {
    cursor runId attempt resumedFromStep
    records { step epoch elapsedSeconds scope values { name value } }
  }
}`;

const recordsPerChunk = 5;

/** What a trainer logs in two seconds. `sentAt` travels as a metric, for subscribers to measure by. */
export const chunkRecords = (sequence: number): MetricRecord[] =>
  Array.from({ length: recordsPerChunk }, (_, place) => ({
    step: sequence * recordsPerChunk + place + 1,
    epoch: 0,
    elapsedSeconds: sequence * 2 + place / 10,
    scope: 'step' as const,
    values: { 'train/loss': 1 / (sequence + 1), 'train/gradient-norm': 0.5, sentAt: Date.now() },
  }));
