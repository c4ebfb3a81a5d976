import type { Context, S3Event, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { z } from 'zod';
import { attemptsPrefix, metricsPrefix, parseRunKey, progressKey, resultKey } from '../../contract/keys';
import { DamagedObjectError } from '../../contract/objects/damaged-object';
import type { Services } from '../context/context';
import { ingestResult, ingestRun } from '../ingest/ingest.service';
import { findExperimentsOfRuns } from '../runs/run.store';
import { inParallel } from '../shared/in-parallel';
import { topicName } from '../subscriptions/run-changes';
import { type Delivery, deliver } from './deliver';
import { type Hints, invocations } from './invocation';

export interface LiveUpdatesOptions extends Omit<Delivery, 'services'> {
  stores: Pick<Services, 'database' | 'objects'>;
  hints: Hints;
}

/** Kept of the time of the invocation to send what is under way, and to say what is not. */
const reserveMilliseconds = 10_000;

/**
 * The fan-out: takes messages of the live updates queue, brings what trainers wrote into the records, and sends
 * subscribers their news. A message says where to look and nothing else, so that it may come twice, late or out of
 * order. What failed is reported message by message and comes again; the rest does not.
 */
export function createLiveUpdatesHandler({ stores, hints, ...delivery }: LiveUpdatesOptions) {
  // What ingest changes is sent from here, so that it is not announced to this queue once more.
  const begin = invocations(stores, { ...hints, announce: async () => {} });
  return async (event: SQSEvent, context: Pick<Context, 'getRemainingTimeInMillis'>): Promise<SQSBatchResponse> => {
    const until = Date.now() + context.getRemainingTimeInMillis() - reserveMilliseconds;
    const { services, finish } = begin();
    const tasks = event.Records.map(({ messageId, body }) => ({ messageId, ...readMessage(body) }));
    const experiments = await findExperimentsOfRuns(services.database, [
      ...new Set(tasks.flatMap(({ runs }) => [...runs.keys()])),
    ]);
    const failedRuns = await takeIn(services, tasks, experiments);
    const topicsOf = ({ runs, changed }: Task) => [
      ...changed,
      ...[...runs.keys()].flatMap((runId) => {
        const experimentId = experiments.get(runId);
        return experimentId === undefined ? [] : [topicName({ runId }), topicName({ experimentId })];
      }),
    ];
    const wanted = {
      topics: [...new Set(tasks.flatMap(topicsOf))],
      ids: [...new Set(tasks.flatMap(({ begun }) => begun))],
    };
    const { undelivered, unfinished } = await deliver({ ...delivery, services }, wanted, until);
    if (unfinished.length > 0) await hints.announce({ begun: unfinished.map(({ id }) => id) });
    await finish();
    const failed = tasks.filter((task) => {
      const topics = new Set(topicsOf(task));
      return (
        task.unreadable ||
        [...task.runs.keys()].some((runId) => failedRuns.has(runId)) ||
        undelivered.some(({ id, topic }) => topics.has(topic) || task.begun.includes(id))
      );
    });
    return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

/** What a message asks for. */
interface Task {
  /** Runs of which something was written, and whether that was their result. */
  runs: Map<string, { result: boolean }>;
  changed: string[];
  begun: string[];
  unreadable: boolean;
}

const announcementSchema = z.object({
  changed: z.array(z.string()).default([]),
  begun: z.array(z.string()).default([]),
});

function readMessage(body: string): Task {
  const task: Task = { runs: new Map(), changed: [], begun: [], unreadable: false };
  try {
    const message = JSON.parse(body);
    // S3 sends one of these when it is told of the queue.
    if (message.Event === 's3:TestEvent') return task;
    if (Array.isArray(message.Records)) return { ...task, runs: writtenRuns(message as S3Event) };
    return { ...task, ...announcementSchema.parse(message) };
  } catch (error) {
    console.error(`a message cannot be read: ${(error as Error).message}: ${body.slice(0, 1000)}`);
    return { ...task, unreadable: true };
  }
}

function writtenRuns({ Records }: S3Event): Task['runs'] {
  const runs: Task['runs'] = new Map();
  for (const { s3 } of Records) {
    const key = decodeURIComponent(s3.object.key.replaceAll('+', ' '));
    const runId = parseRunKey(key);
    if (runId === null || !tellsOfProgress(runId, key)) continue;
    runs.set(runId, { result: key === resultKey(runId) || runs.get(runId)?.result === true });
  }
  return runs;
}

/** Checkpoints, predictions and models are of no interest to the records. */
const tellsOfProgress = (runId: string, key: string): boolean =>
  key.startsWith(metricsPrefix(runId)) ||
  key.startsWith(attemptsPrefix(runId)) ||
  key === progressKey(runId) ||
  key === resultKey(runId);

/** @returns the runs whose objects could not be taken in */
async function takeIn(
  services: Services,
  tasks: readonly Task[],
  known: ReadonlyMap<string, string>,
): Promise<Set<string>> {
  const finished = new Set(tasks.flatMap(({ runs }) => [...runs].flatMap(([id, { result }]) => (result ? [id] : []))));
  const failed = new Set<string>();
  await inParallel([...known.keys()], async (runId) => {
    try {
      if (!finished.has(runId)) await ingestRun(services, runId);
      // What waits for this run may begin.
      else if ((await ingestResult(services, runId)) !== null) services.wake();
    } catch (error) {
      // Already logged. Another delivery would find the same damage; the run is settled when its job ends.
      if (error instanceof DamagedObjectError) return;
      console.error(`what run ${runId} wrote cannot be taken in: ${(error as Error).stack}`);
      failed.add(runId);
    }
  });
  return failed;
}
