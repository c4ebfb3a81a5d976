import type { QueueKey } from '../../contract/compute';

/** What of AWS Batch the stack has built, and how much of it is used. */
export interface BatchSettings {
  jobDefinition: string;
  /** What is not here is not offered. */
  queues: ReadonlyMap<QueueKey, string>;
  /** Runs that are in Batch's hands at a time, waiting there or at work. */
  mostActiveRuns: number;
  /** Crashes in a row without getting further, after which a run has failed. */
  crashLimit: number;
  /** Without a sign of life for so long, a trainer at work is stopped and its run tried again. */
  stallMilliseconds: number;
  /** An endpoint other than that of the region, for tests. */
  endpoint?: string;
}

export const batchDefaults = { mostActiveRuns: 1000, crashLimit: 3, stallMilliseconds: 600_000 } as const;
