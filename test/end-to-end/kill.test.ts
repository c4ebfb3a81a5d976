import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chunksAfter, readAttemptEnd, readAttempts } from '../../api/ingest/run-objects';
import { findTrainers, type TrainerProcess } from '../../api/launcher/processes';
import { modelKey, resultKey } from '../../contract/keys';
import { directoryObjectStore } from '../../contract/objects/directory';
import { type MetricRecord, stitch } from '../../contract/records';
import { randomStream } from '../../trainer/numeric/random';
import { testSeed } from '../testkit/seed';
import { connect, request, type ServerProcess, startServerProcess } from '../testkit/server-process';
import { eventually } from '../testkit/test-runner';
import { launch, tinyParameters, writeTinyData } from '../testkit/tiny-experiment';

const rounds = 6;
/** Which step a moment hits differs with the machine, so the same seed need not find the same fault. */
const seed = testSeed();
const random = randomStream(seed, 'kills');

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-test-'));
const data = join(folder, 'data');
const objectsDirectory = join(data, 'objects');
const objects = directoryObjectStore(objectsDirectory);
let server: ServerProcess;
let follower: ReturnType<typeof followThrough>;
let watcher: ReturnType<typeof watchTrainers>;

/** Crashes without progress are the point here, so no number of them ends a run. */
const startServer = () => startServerProcess(data, { slots: '2', 'crash-limit': '1000', 'stop-seconds': '10' });

afterAll(async () => {
  follower?.end();
  watcher?.end();
  await server.end('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

const definition = (name: string, seeds: number[]) => ({
  name,
  data: { train: join(folder, 'train.csv'), test: join(folder, 'test.csv') },
  parameters: { ...tinyParameters, epochs: 6 },
  variants: [{ name: 'scratch', method: 'scratch' }],
  seeds,
  execution: { logEverySteps: 1, checkpointSeconds: 0 },
});

/** Follows the runs of an experiment over every server that comes, with the newest cursor. */
function followThrough(experimentId: string) {
  const states = new Map<string, string[]>();
  const cursors: string[] = [];
  let over = false;
  const query = `subscription ($id: ID!, $after: String) {
    runUpdated(experimentId: $id, after: $after) { cursor run { id state } }
  }`;
  const follow = async () => {
    while (!over) {
      const client = connect(server.address);
      const variables = { id: experimentId, after: cursors.at(-1) };
      try {
        for await (const { data } of client.iterate<{
          runUpdated: { cursor: string; run: { id: string; state: string } };
        }>({ query, variables })) {
          const { cursor, run } = data!.runUpdated;
          cursors.push(cursor);
          states.set(run.id, [...(states.get(run.id) ?? []), run.state]);
          if (over) break;
        }
      } catch {
        await sleep(50); // killed: the next server is on its way
      }
      await client.dispose();
    }
  };
  void follow();
  return {
    states,
    cursors,
    end: () => {
      over = true;
    },
  };
}

/** The trainers that share their run with another. */
const doublesAmong = (trainers: readonly TrainerProcess[]): TrainerProcess[] =>
  trainers.filter(({ pid, runId }) => trainers.some((other) => other.runId === runId && other.pid !== pid));

/** Looks at the processes all the time: never two trainers of one run. */
function watchTrainers() {
  const doubles: string[] = [];
  let over = false;
  const watch = async () => {
    while (!over) {
      const suspects = doublesAmong(await findTrainers(objectsDirectory));
      if (suspects.length > 0) {
        // Reading all processes takes a while, in which one may end and the next begin. Both there again: at one time.
        const again = doublesAmong(await findTrainers(objectsDirectory)).map(({ pid }) => pid);
        doubles.push(...suspects.filter(({ pid }) => again.includes(pid)).map(({ runId }) => runId));
      }
      await sleep(25);
    }
  };
  void watch();
  return {
    doubles,
    end: () => {
      over = true;
    },
  };
}

async function killTrainers(): Promise<void> {
  for (const { pid } of await findTrainers(objectsDirectory))
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // gone since it was listed
    }
}

interface RunState {
  id: string;
  state: string;
  attempt: number;
  waitingReason: string | null;
  failure: { message: string } | null;
  metrics: { name: string; count: number; last: number; min: number; max: number; mean: number; best: number }[];
}

async function runsOf(experimentId: string): Promise<RunState[]> {
  const { runs } = await request<{ runs: { nodes: RunState[] } }>(
    server.address,
    `query ($id: String!) {
      runs(first: 50, filter: { experimentId: { eq: $id } }) {
        nodes { id state attempt waitingReason failure { message } metrics { name count last min max mean best } }
      }
    }`,
    { id: experimentId },
  );
  return runs.nodes;
}

async function untilSucceeded(experimentIds: readonly string[]): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const runs = (await Promise.all(experimentIds.map(runsOf))).flat();
    if (runs.every(({ state }) => state === 'SUCCEEDED')) return;
    const isLost = ({ state }: RunState) => state === 'FAILED' || state === 'CANCELLED';
    if (runs.some(isLost) || Date.now() > deadline)
      throw new Error(`not all runs have succeeded: ${JSON.stringify(runs.map(({ metrics: _, ...run }) => run))}`);
    await sleep(250);
  }
}

const attemptsOf = async (experimentId: string) => (await readAttempts(objects, `${experimentId}-0000`)).length;

const isClock = (name: string) => /^seconds\/|per-second$/.test(name);

/** The stitched history of a run, without what the clock says. */
async function historyOf(runId: string): Promise<Pick<MetricRecord, 'step' | 'scope' | 'values'>[]> {
  const written = new Map<number, MetricRecord[]>();
  for await (const { attempt, records } of chunksAfter(objects, runId, ''))
    written.set(attempt, [...(written.get(attempt) ?? []), ...records]);
  const attempts = (await readAttempts(objects, runId)).filter(({ attempt }) => written.has(attempt));
  return stitch(attempts.map((attempt) => ({ ...attempt, records: written.get(attempt.attempt)! }))).map(
    ({ step, scope, values }) => ({
      step,
      scope,
      values: Object.fromEntries(Object.entries(values).filter(([name]) => !isClock(name))),
    }),
  );
}

describe(`servers and trainers killed at random moments (seed ${seed})`, () => {
  it('lose nothing that was acknowledged, run nothing twice, and change no result', async () => {
    writeTinyData(folder);
    server = await startServer();
    const base = await launch(server.address, definition('base', [0, 1]));
    const acknowledged = [base];
    follower = followThrough(base);
    watcher = watchTrainers();

    for (let round = 0; round < rounds; round += 1) {
      // Twice for sure in the middle of a run, once its trainer and once the server; else whenever it comes.
      if (round < 2) await eventually('a run trains', async () => (await attemptsOf(base)) > round, 60);
      else await sleep(300 + random.integerBelow(2500));
      // One round ends only the trainers: more such crashes in a row would rightly stop the experiment.
      if (round === 0) await killTrainers();
      else {
        if (round % 2 === 0) acknowledged.push(await launch(server.address, definition(`round ${round}`, [round])));
        await server.end('SIGKILL');
        if (random.uniform() < 0.5) await killTrainers();
        server = await startServer();
      }
    }
    await untilSucceeded(acknowledged);
    const reference = await launch(server.address, definition('undisturbed', [0, 1]));
    await untilSucceeded([reference]);
    const disturbedRuns = await runsOf(base);
    const referenceRuns = await runsOf(reference);
    await eventually('the subscriber knows', async () =>
      [...follower.states.values()].every((seen) => seen.at(-1) === 'SUCCEEDED'),
    );
    expect(watcher.doubles).toEqual([]);
    expect(follower.states.size).toBe(2);
    expect(new Set(follower.cursors).size).toBe(follower.cursors.length);
    expect([...follower.cursors].sort()).toEqual(follower.cursors);
    let attemptCount = 0;
    for (const [place, run] of disturbedRuns.entries()) {
      const other = referenceRuns[place]!;
      expect(await historyOf(run.id)).toEqual(await historyOf(other.id));
      expect(await objects.read(modelKey(run.id, 'student.safetensors'))).toEqual(
        await objects.read(modelKey(other.id, 'student.safetensors')),
      );
      const figures = (metrics: RunState['metrics']) =>
        metrics.filter(({ name }) => !isClock(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
      expect(figures(run.metrics)).toEqual(figures(other.metrics));
      const attempts = await readAttempts(objects, run.id);
      attemptCount += attempts.length;
      const ends = await Promise.all(attempts.map(({ attempt }) => readAttemptEnd(objects, run.id, attempt)));
      expect(ends.filter((end) => end?.outcome === 'succeeded').length).toBeLessThanOrEqual(1);
      expect(await objects.info(resultKey(run.id))).not.toBeNull();
    }
    // Else nothing was disturbed, and the test has shown nothing.
    expect(attemptCount).toBeGreaterThan(disturbedRuns.length);
  }, 240_000);
});
