import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, request, type ServerProcess, startServerProcess } from '../testkit/server-process';
import { create, launch, launchCreated, tinyParameters, writeTinyData } from '../testkit/tiny-experiment';

const order = ['PENDING', 'SUBMITTED', 'STARTING', 'RUNNING', 'SUCCEEDED'];
const followRuns = `subscription ($id: ID!, $after: String) {
  runUpdated(experimentId: $id, after: $after) {
    cursor
    run { id variant seed state waitingReason progress { step totalSteps } failure { message } }
  }
}`;
const followMetrics = `subscription ($id: ID!, $after: String) {
  metricsLogged(runId: $id, after: $after) {
    cursor attempt resumedFromStep
    records { step epoch scope values { name value } }
  }
}`;

interface RunUpdated {
  cursor: string;
  run: { id: string; variant: string; seed: number; state: string; waitingReason: string | null; failure: unknown };
}
interface MetricsLogged {
  cursor: string;
  records: { step: number; values: { name: string; value: number }[] }[];
}

let folder: string;
let server: ServerProcess;
let experimentId: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stillhouse-test-'));
  server = await startServerProcess(join(folder, 'data'), { slots: '2' });
  experimentId = await create(server.address, {
    name: 'Does distillation pay on eighty sentences?',
    data: writeTinyData(folder),
    teacher: { random: { layers: 1, hidden: 8, heads: 2, intermediate: 16 }, finetune: { parameters: { epochs: 1 } } },
    parameters: tinyParameters,
    variants: [
      { name: 'scratch', method: 'scratch' },
      { name: 'kd', method: 'kd' },
    ],
    seeds: [0, 1],
    execution: { logEverySteps: 2 },
  });
});

afterAll(async () => {
  await server.end('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

/** Events of a subscription until `last` is met, or it completes. */
async function collect<T>(name: string, query: string, variables: object, last: (event: T) => boolean): Promise<T[]> {
  const client = connect(server.address);
  const events: T[] = [];
  try {
    for await (const { data, errors } of client.iterate<Record<string, T>>({ query, variables: { ...variables } })) {
      if (!data) throw new Error(JSON.stringify(errors));
      events.push(data[name]!);
      if (last(data[name]!)) break;
    }
  } finally {
    await client.dispose();
  }
  return events;
}

describe('an experiment over HTTP and WebSocket, with real trainers', () => {
  const updates: RunUpdated[] = [];

  it('is followed to its end, over a connection that breaks in between', async () => {
    const over = new Map<string, string>();
    const see = ({ run }: RunUpdated) => {
      if (run.failure !== null) throw new Error(JSON.stringify(run.failure));
      over.set(run.id, run.state);
      return over.size === 5 && [...over.values()].every((state) => state === 'SUCCEEDED');
    };
    let seen = 0;
    // The first event shows that the subscription is open: every run as it is, before anything is launched.
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const halfway = (update: RunUpdated) => {
      open();
      return see(update) || ++seen === 8;
    };
    const following = collect('runUpdated', followRuns, { id: experimentId }, halfway);
    await Promise.race([opened, following]);
    await launchCreated(server.address, experimentId);
    updates.push(...(await following));
    const { cursor } = updates.at(-1)!;
    updates.push(...(await collect('runUpdated', followRuns, { id: experimentId, after: cursor }, see)));

    expect(updates[0]!.run.state).toBe('PENDING');
    expect(new Set(updates.map(({ cursor }) => cursor)).size).toBe(updates.length);
    for (const id of over.keys()) {
      const states = updates.flatMap(({ run }) => (run.id === id ? [order.indexOf(run.state)] : []));
      expect(states).toEqual([...states].sort((a, b) => a - b));
    }
    const place = (variant: string, state: string) =>
      updates.findIndex(({ run }) => run.variant === variant && run.state === state);
    expect(place('kd', 'SUBMITTED')).toBeGreaterThan(place('teacher', 'SUCCEEDED'));
    const reasons = updates.flatMap(({ run }) =>
      run.variant === 'kd' && run.waitingReason ? [run.waitingReason] : [],
    );
    expect(reasons).toContain(`waits for run ${updates[0]!.run.id}, whose model is its teacher`);
  }, 120_000);

  it('gives the metrics of a run in full, from any cursor on, and then completes', async () => {
    const runId = updates.find(({ run }) => run.variant === 'kd')!.run.id;
    const all = await collect<MetricsLogged>('metricsLogged', followMetrics, { id: runId }, () => false);
    const steps = all.flatMap(({ records }) => records.map(({ step }) => step));
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    const names = new Set(
      all.flatMap(({ records }) => records.flatMap(({ values }) => values.map(({ name }) => name))),
    );
    expect([...names]).toEqual(expect.arrayContaining(['train/loss', 'dev/accuracy', 'test/accuracy']));

    const after = all[0]!.cursor;
    const rest = await collect<MetricsLogged>('metricsLogged', followMetrics, { id: runId, after }, () => false);
    expect(rest).toEqual(all.slice(1));
  });

  it('is compared, with what the trainers wrote', async () => {
    const { compare } = await request<{ compare: { groups: { name: string; n: number; mean: number }[] } }>(
      server.address,
      `query ($ids: [ID!]!) {
        compare(experimentIds: $ids, metric: "test/accuracy", at: { point: FINAL }) {
          ... on Comparison { groups { name n mean } }
        }
      }`,
      { ids: [experimentId] },
    );
    const scratch = compare.groups.find(({ name }) => name.includes('scratch'))!;
    expect(scratch.n).toBe(2);
    const { runs } = await request<{
      runs: { nodes: { variant: string; metrics: { name: string; last: number }[] }[] };
    }>(
      server.address,
      `query ($id: String!) {
        runs(first: 10, filter: { experimentId: { eq: $id } }) { nodes { variant metrics { name last } } }
      }`,
      { id: experimentId },
    );
    const accuracies = runs.nodes
      .filter(({ variant }) => variant === 'scratch')
      .map(({ metrics }) => metrics.find(({ name }) => name === 'test/accuracy')!.last);
    expect(accuracies).toHaveLength(2);
    expect(scratch.mean).toBeCloseTo((accuracies[0]! + accuracies[1]!) / 2, 12);
  });

  it('says what is wrong with the files of a run, by row and column', async () => {
    const data = { ...writeTinyData(folder), labelColumn: 'class' };
    const id = await launch(server.address, {
      name: 'A wrong column',
      data,
      variants: [{ name: 'scratch', method: 'scratch' }],
      seeds: [0],
    });
    let message = '';
    await collect<RunUpdated>('runUpdated', followRuns, { id }, ({ run }) => {
      message = (run.failure as { message: string } | null)?.message ?? '';
      return run.state === 'FAILED';
    });
    expect(message).toContain('class');
  });
});
