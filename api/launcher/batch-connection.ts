import { BatchClient, TerminateJobCommand } from '@aws-sdk/client-batch';
import type { BatchSettings } from './batch-settings';

/** The way to AWS Batch. */
export interface Batch {
  settings: BatchSettings;
  /** For what may be sent twice. */
  client: BatchClient;
  /** Sends once: a submission that is repeated makes a second job. */
  submitClient: BatchClient;
  /** Experiments whose definitions are known to be in the objects. */
  recorded: Set<string>;
}

/** Region and credentials come from the environment, as everywhere in the AWS SDK. */
export function connectBatch(settings: BatchSettings): Batch {
  const { endpoint } = settings;
  const connection = endpoint === undefined ? {} : { endpoint };
  return {
    settings,
    client: new BatchClient(connection),
    submitClient: new BatchClient({ ...connection, maxAttempts: 1 }),
    recorded: new Set(),
  };
}

/** An answer that takes longer is not waited for. */
export const requestMilliseconds = 10_000;

/** Why a job is stopped that was submitted although the answer to an earlier submission was only lost. */
export const secondJob = 'stillhouse: a second job of the same name';

/** Stops a job, or takes one back that has not begun. One that is over stays as it is. */
export async function terminate({ client }: Batch, jobId: string, reason: string): Promise<void> {
  await client.send(new TerminateJobCommand({ jobId, reason }), {
    abortSignal: AbortSignal.timeout(requestMilliseconds),
  });
}
