import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { FakeBatch, FakeJob } from './fake-batch';
import { scriptedTrainer } from './test-runner';

/** Containers of the fake Batch: each is a scripted trainer as a process of its own, with the environment Batch gives. */
export function batchTrainers(batch: FakeBatch, folder: string, scripts: Record<string, string> = {}) {
  const processes = new Map<string, ChildProcess>();
  return {
    /** Gives a job its machine and starts its container; resolves when the container has ended. */
    async run(job: FakeJob): Promise<void> {
      batch.move(job, 'STARTING');
      batch.move(job, 'RUNNING');
      const { index } = job.arrayProperties ?? {};
      const overrides = job.request.containerOverrides?.environment ?? [];
      const child = spawn(process.execPath, [scriptedTrainer], {
        stdio: 'ignore',
        env: {
          ...process.env,
          SCRIPTS: JSON.stringify(scripts),
          STILLHOUSE_OBJECTS: join(folder, 'objects'),
          ...Object.fromEntries(overrides.map(({ name, value }) => [name, value])),
          AWS_BATCH_JOB_ID: job.jobId,
          ...(index === undefined ? {} : { AWS_BATCH_JOB_ARRAY_INDEX: String(index) }),
        },
      });
      processes.set(job.jobId, child);
      const exitCode = await new Promise<number>((resolve) =>
        child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 143))),
      );
      processes.delete(job.jobId);
      batch.end(job, { exitCode });
    },
    /** As ECS does where a task is stopped. */
    stop: (job: FakeJob) => processes.get(job.jobId)?.kill('SIGTERM'),
  };
}
