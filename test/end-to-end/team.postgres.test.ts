import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPostgres } from '../../api/database/postgres';
import { readAttemptEnd, readAttempts } from '../../api/ingest/run-objects';
import { findTrainers } from '../../api/launcher/processes';
import { resultKey } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import { s3ObjectStore } from '../../contract/objects/s3';
import { describeWithMoto } from '../testkit/moto-server';
import { onServer, urlOf } from '../testkit/records';
import { connect, request, type ServerProcess, startServerProcess } from '../testkit/server-process';
import { eventually } from '../testkit/test-runner';
import { launch, tinyParameters, writeTinyData } from '../testkit/tiny-experiment';

const leaseSeconds = 6;
const query = `query ($id: String!) {
  runs(first: 50, filter: { experimentId: { eq: $id } }) { nodes { id state attempt waitingReason failure { message } } }
}`;

interface Run {
  id: string;
  state: string;
  attempt: number;
  waitingReason: string | null;
  failure: { message: string } | null;
}

describeWithMoto('two servers on one PostgreSQL and one bucket', (moto) => {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-test-'));
  const database = `stillhouse_team_${randomBytes(6).toString('hex')}`;
  const servers: ServerProcess[] = [];
  let location: string;
  let objects: ObjectStore;
  let watcher: ReturnType<typeof watchTrainers>;

  const start = async (name: string): Promise<ServerProcess> => {
    const server = await startServerProcess(
      join(folder, name),
      {
        slots: '1',
        objects: location,
        'stop-seconds': '2',
        'lease-seconds': String(leaseSeconds),
        'crash-limit': '1000',
      },
      {
        ...moto().environment,
        DATABASE_URL: urlOf(database),
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      },
    );
    servers.push(server);
    return server;
  };
  beforeAll(async () => {
    await onServer([`create database "${database}"`]);
    const bucket = await moto().createBucket();
    location = `s3://${bucket}/team`;
    objects = s3ObjectStore({ bucket, prefix: 'team/', endpoint: moto().endpoint, region: null });
    watcher = watchTrainers(location);
  });
  afterAll(async () => {
    watcher?.end();
    for (const server of servers) server.signal('SIGCONT');
    await Promise.all(servers.map((server) => server.end('SIGTERM')));
    await onServer([`drop database "${database}" with (force)`]);
    rmSync(folder, { recursive: true, force: true });
  });

  const runsAt = async (server: ServerProcess, id: string): Promise<Run[]> =>
    (await request<{ runs: { nodes: Run[] } }>(server.address, query, { id })).runs.nodes;
  const untilAll = (server: ServerProcess, id: string, states: readonly string[], seconds: number) =>
    eventually(
      `all runs are ${states}`,
      async () => (await runsAt(server, id)).every(({ state }) => states.includes(state)),
      seconds,
    );
  /** Which server carries out the newest attempt of each run, by the number of runs under way. */
  const owners = async (): Promise<Map<string, string>> => {
    const opened = await openPostgres(urlOf(database), { connections: 1, migrate: false });
    if (opened.kind === 'refused') throw new Error(opened.message);
    const rows = await opened.database
      .selectFrom('run')
      .innerJoin('attempt_server', (on) =>
        on.onRef('attempt_server.run_id', '=', 'run.id').onRef('attempt_server.number', '=', 'run.attempt'),
      )
      .select(['run.id', 'attempt_server.server_id'])
      .where('run.state', '=', 'RUNNING')
      .execute();
    await opened.database.destroy();
    return new Map(rows.map(({ id, server_id }) => [id, server_id]));
  };
  const definition = (name: string, seeds: number[], epochs: number) => ({
    name,
    data: writeTinyData(folder),
    parameters: { ...tinyParameters, epochs },
    variants: [{ name: 'scratch', method: 'scratch' }],
    seeds,
    execution: { logEverySteps: 1, checkpointSeconds: 0 },
  });

  it('share the runs; those of one that is killed are taken over, and none is run twice', async () => {
    const [a, b] = [await start('a'), await start('b')];
    const id = await launch(a.address, definition('shared', [0, 1, 2, 3], 6));
    const states = follow(b, id);
    await eventually('each server trains', async () => new Set((await owners()).values()).size === 2, 60);
    const before = await owners();
    await a.end('SIGKILL');
    await untilAll(b, id, ['SUCCEEDED'], 150);

    expect(watcher.doubles).toEqual([]);
    const idOfB = [...new Set((await owners()).values())];
    expect(idOfB).toEqual([]);
    const runs = await runsAt(b, id);
    const attempts = new Map<string, number>();
    for (const run of runs) {
      expect(await objects.info(resultKey(run.id))).not.toBeNull();
      const written = await readAttempts(objects, run.id);
      attempts.set(run.id, written.length);
      const ends = await Promise.all(written.map(({ attempt }) => readAttemptEnd(objects, run.id, attempt)));
      expect(ends.filter((end) => end?.outcome === 'succeeded')).toHaveLength(1);
    }
    // One of the two that were under way was the killed server's, and is the only one that needed another attempt.
    expect([...before.keys()].map((run) => attempts.get(run)).sort()).toEqual([1, 2]);
    expect([...attempts.values()].reduce((sum, count) => sum + count)).toBe(5);
    await eventually('the subscriber of the other server knows', async () =>
      runs.every((run) => states.seen.get(run.id)?.at(-1) === 'SUCCEEDED'),
    );
    states.end();
  }, 300_000);

  it('carry out what is asked of the other one, and tell each other within seconds', async () => {
    const [b, a] = [servers[1]!, await start('a')];
    const id = await launch(b.address, definition('to be cancelled', [0, 1], 1000));
    await eventually('each server trains one', async () => new Set((await owners()).values()).size === 2, 60);
    const states = follow(b, id);
    await eventually('it follows', async () => states.seen.size === 2);
    for (const run of await runsAt(a, id)) {
      const cancel = 'mutation ($id: ID!) { cancelRun(runId: $id) { __typename } }';
      await request(a.address, cancel, { id: run.id });
    }
    const cancelledAt = performance.now();
    await eventually('the subscriber knows', async () =>
      [...states.seen.values()].every((seen) => seen.at(-1) === 'CANCELLED'),
    );
    states.end();
    // The look at wishes, the stop of a trainer, the look of the subscriber: at most two seconds, a moment, and one.
    expect(performance.now() - cancelledAt).toBeLessThan(10_000);
    expect(watcher.doubles).toEqual([]);
  }, 200_000);

  it('go on without one that stands still, which finds its place again', async () => {
    const [b, a] = [servers[1]!, servers[2]!];
    const id = await launch(b.address, definition('frozen', [0, 1], 12));
    await eventually('each server trains one', async () => new Set((await owners()).values()).size === 2, 60);
    const deaths = () => b.output().match(/gave no sign of life/g)?.length ?? 0;
    const before = deaths();
    a.signal('SIGSTOP');
    await eventually('it counts as dead', async () => deaths() > before, 60);
    a.signal('SIGCONT');
    await untilAll(b, id, ['SUCCEEDED'], 150);

    await eventually('it is back', async () => /took this one for dead/.test(a.output()), 30);
    for (const run of await runsAt(a, id)) {
      const written = await readAttempts(objects, run.id);
      const ends = await Promise.all(written.map(({ attempt }) => readAttemptEnd(objects, run.id, attempt)));
      expect(ends.filter((end) => end?.outcome === 'succeeded')).toHaveLength(1);
    }
  }, 300_000);

  it('are refused where their objects are at different places', async () => {
    const other = startServerProcess(
      join(folder, 'other'),
      { 'lease-seconds': '6', 'stop-seconds': '2' },
      { DATABASE_URL: urlOf(database) },
    );
    await expect(other).rejects.toThrow(
      /works on the same records with its objects at s3:.*give all servers the same place by --objects/,
    );
  }, 60_000);
});

/** The states of the runs of an experiment, as a subscriber of a server gets to know them. */
function follow(server: ServerProcess, experimentId: string) {
  const seen = new Map<string, string[]>();
  const client = connect(server.address);
  const subscription = `subscription ($id: ID!) { runUpdated(experimentId: $id) { run { id state } } }`;
  const read = async () => {
    const events = client.iterate<{ runUpdated: { run: { id: string; state: string } } }>({
      query: subscription,
      variables: { id: experimentId },
    });
    for await (const { data } of events) {
      const { run } = data!.runUpdated;
      seen.set(run.id, [...(seen.get(run.id) ?? []), run.state]);
    }
  };
  void read().catch(() => {});
  return { seen, end: () => void client.dispose() };
}

/** Looks at the processes all the time: never two trainers of one run, whoever started them. */
function watchTrainers(location: string) {
  const doubles: string[] = [];
  let over = false;
  const doublesNow = async () => {
    const trainers = await findTrainers(location);
    return trainers.filter(({ pid, runId }) => trainers.some((other) => other.runId === runId && other.pid !== pid));
  };
  const watch = async () => {
    while (!over) {
      const suspects = await doublesNow();
      // Reading all processes takes a while, in which one may end and the next begin. Both there again: at one time.
      const again = suspects.length > 0 ? (await doublesNow()).map(({ pid }) => pid) : [];
      doubles.push(...suspects.filter(({ pid }) => again.includes(pid)).map(({ runId }) => runId));
      await sleep(100);
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
