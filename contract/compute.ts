import { z } from 'zod';
import type { Checked, Problem } from './run-spec';

/** Kinds of GPU machine a run may ask for, by the family of their EC2 instances. */
export const gpuTypes = ['g4dn', 'g5', 'g6', 'g6e', 'p5'] as const;
export type GpuType = (typeof gpuTypes)[number];

/**
 * The sizes that a queue may start, of each family: one GPU each, so that a run never has more of a machine than it uses.
 * Of a whole family AWS Batch would take the size with the cheapest vCPU, a 16xlarge at four times the price. The
 * p4d has eight GPUs at least, and is not offered.
 */
export const instanceSizes: Record<GpuType, readonly string[]> = {
  g4dn: ['xlarge', '2xlarge', '4xlarge'],
  g5: ['xlarge', '2xlarge', '4xlarge'],
  g6: ['xlarge', '2xlarge', '4xlarge'],
  g6e: ['xlarge', '2xlarge', '4xlarge'],
  p5: ['4xlarge'],
};

/** vCPUs and mebibytes that one run takes: the smallest machine of the g families, less the agent and the system. */
export const runSize = { cpus: 4, mebibytes: 14_000 } as const;
/** Runs at a time in one queue at most. */
export const runsPerQueue = 16;
/** vCPUs of the smallest machine of each family, which a run has to itself: the machine has one GPU. */
export const machineCpus: Record<GpuType, number> = { g4dn: 4, g5: 4, g6: 4, g6e: 4, p5: 16 };
/** vCPUs of one queue at most. */
export const queueCpus = (gpu: GpuType): number => runsPerQueue * machineCpus[gpu];

/** The card of each kind, for a person. */
export const gpuNames: Record<GpuType, string> = {
  g4dn: 'NVIDIA T4, 16 GB',
  g5: 'NVIDIA A10G, 24 GB',
  g6: 'NVIDIA L4, 24 GB',
  g6e: 'NVIDIA L40S, 48 GB',
  p5: 'NVIDIA H100, 80 GB',
};

export const capacities = ['spot', 'on-demand'] as const;
export type Capacity = (typeof capacities)[number];

const longestAttemptSeconds = 14 * 86_400;

/**
 * On which machines the runs of an experiment are carried out, where the service has a choice (AWS Batch). Nothing
 * here changes a result, so it is no part of a run's definition or of its variant group.
 */
export const computeSchema = z.strictObject({
  capacity: z
    .enum(capacities)
    .default('spot')
    .describe(
      'spot: about a third of the price, and the machine may be taken away; the run goes on from its checkpoint.',
    ),
  gpu: z.enum(gpuTypes).default('g5').describe('Kind of machine, by its EC2 family.'),
  // A day: the longest run of the thesis takes hours, and what hangs should not be paid for over a weekend.
  timeoutSeconds: z
    .int()
    .min(60)
    .max(longestAttemptSeconds)
    .default(86_400)
    .describe('Seconds one attempt may take; then it is stopped and its run has failed, its checkpoint kept.'),
});
export type Compute = z.output<typeof computeSchema>;

/** Names a queue by what its machines are: `g5:spot`. */
export type QueueKey = `${GpuType}:${Capacity}`;
export const queueKey = (gpu: GpuType, capacity: Capacity): QueueKey => `${gpu}:${capacity}`;

/** Job queues (names or ARNs) as one setting: `g5:spot=<queue>,g5:on-demand=<queue>`. */
export const formatQueues = (queues: ReadonlyMap<QueueKey, string>): string =>
  [...queues].map(([key, queue]) => `${key}=${queue}`).join(',');

/** Reads what `formatQueues` wrote; every problem at once. */
export function parseQueues(text: string): Checked<ReadonlyMap<QueueKey, string>> {
  const known = gpuTypes.flatMap((gpu) => capacities.map((capacity) => queueKey(gpu, capacity)));
  const queues = new Map<QueueKey, string>();
  const problems: Problem[] = [];
  const problem = (message: string) => problems.push({ path: '', message });
  for (const entry of text.split(',').map((part) => part.trim())) {
    const [given = '', queue = ''] = entry.split(/=(.*)/s);
    const key = known.find((candidate) => candidate === given);
    if (key === undefined || queue === '')
      problem(`"${entry}" is no queue: write <gpu>:<capacity>=<queue>, such as g5:spot=stillhouse-g5-spot`);
    else if (queues.has(key)) problem(`"${key}" is given twice`);
    else queues.set(key, queue);
  }
  return problems.length > 0 ? { kind: 'invalid', problems } : { kind: 'valid', value: queues };
}
