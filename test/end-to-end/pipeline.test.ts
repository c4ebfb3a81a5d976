import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { request, type ServerProcess, startServerProcess } from '../testkit/server-process';
import { launch, tinyParameters, writeTinyData } from '../testkit/tiny-experiment';

let folder: string;
let server: ServerProcess;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stillhouse-test-'));
  server = await startServerProcess(join(folder, 'data'), { slots: '2' });
});
afterAll(async () => {
  await server.end('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  id: string;
  variant: string;
  state: string;
  dependsOn: string[];
  failure: object | null;
  progress: { totalEpochs: number };
  metrics: { name: string; last: number }[];
}
const query = `query ($id: String!) {
  runs(first: 20, filter: { experimentId: { eq: $id } }) {
    nodes { id variant state dependsOn failure { message } progress { totalEpochs } metrics { name last } }
  }
}`;

it('an experiment distils, prunes and recovers a student, each stage with the model of the one before', async () => {
  const id = await launch(server.address, {
    name: 'What does a student lose by pruning, and get back?',
    data: writeTinyData(folder),
    teacher: { random: { layers: 1, hidden: 8, heads: 2, intermediate: 16 }, finetune: { parameters: { epochs: 1 } } },
    parameters: tinyParameters,
    variants: [
      { name: 'kd', method: 'kd' },
      { name: 'prune', method: 'magnitude', student: { variant: 'kd' } },
      { name: 'recover', method: 'kd', parameters: { epochs: 1 }, student: { variant: 'prune' } },
    ],
    grid: [{ parameter: 'sparsity', values: [0.5, 0.75] }],
    seeds: [0],
    execution: { engine: 'portable' },
  });
  let runs: Run[];
  do {
    await sleep(200);
    runs = (await request<{ runs: { nodes: Run[] } }>(server.address, query, { id })).runs.nodes;
    for (const { failure } of runs) expect(failure).toBeNull();
  } while (!runs.every(({ state }) => state === 'SUCCEEDED'));

  const idOf = (variant: string) => runs.find((run) => run.variant === variant)!.id;
  const [teacher, kd] = [idOf('teacher'), idOf('kd')];
  for (const sparsity of [0.5, 0.75]) {
    const [prune, recover] = ['prune', 'recover'].map((stage) =>
      runs.find(({ variant }) => variant === `${stage} [sparsity=${sparsity}]`),
    );
    expect(prune).toMatchObject({ dependsOn: [kd], progress: { totalEpochs: 1 } });
    expect(recover!.dependsOn).toEqual([teacher, prune!.id]);
    for (const run of [prune, recover])
      expect(run!.metrics.find(({ name }) => name === 'model/sparsity')!.last).toBeCloseTo(sparsity, 2);
  }
  const { compare } = await request<{ compare: { groups: { name: string; n: number }[] } }>(
    server.address,
    `query ($ids: [ID!]!) {
      compare(experimentIds: $ids, metric: "test/accuracy", at: { point: FINAL }) {
        ... on Comparison { groups { name n } }
      }
    }`,
    { ids: [id] },
  );
  expect(compare.groups).toHaveLength(6);
  expect(compare.groups.every(({ n }) => n === 1)).toBe(true);
}, 180_000);
