import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request, type ServerProcess, startServerProcess } from '../testkit/server-process';
import { launch, tinyParameters, writeTinyData } from '../testkit/tiny-experiment';

interface SearchedExperiment {
  runs: { nodes: { state: string; stoppedAtEpoch: number | null; progress: { epoch: number } }[] };
  searchResults: { points: number; stoppedEarly: number; unfinished: number; best: { runIds: string[] } | null }[];
}

const epochs = 300;
const rungs = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const query = `query ($id: ID!) { experiment(id: $id) {
  runs { nodes { state stoppedAtEpoch progress { epoch } } }
  searchResults { points stoppedEarly unfinished best { runIds } } } }`;

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

it('a random search with successive halving stops real trainers, and names its best on dev', async () => {
  const id = await launch(server.address, {
    name: 'Which learning rate?',
    data: writeTinyData(folder),
    parameters: { ...tinyParameters, epochs },
    variants: [{ name: 'scratch', method: 'scratch' }],
    seeds: [0],
    random: {
      samples: 6,
      space: [{ parameter: 'studentLearningRate', distribution: 'logUniform', low: 1e-6, high: 1e-1 }],
    },
    halving: { minEpochs: 1, reduction: 2 },
    execution: { engine: 'portable', logEverySteps: 1000, checkpointSeconds: 600 },
  });
  let found: SearchedExperiment;
  do {
    await new Promise((resolve) => setTimeout(resolve, 500));
    found = (await request<{ experiment: SearchedExperiment }>(server.address, query, { id })).experiment;
  } while (found.searchResults[0]!.unfinished > 0);

  const { nodes } = found.runs;
  const stopped = nodes.filter(({ state }) => state === 'STOPPED');
  const finished = nodes.filter(({ state }) => state === 'SUCCEEDED');
  expect(stopped.length + finished.length).toBe(6);
  expect(finished.length).toBeGreaterThan(0);
  // Six rates of five decades cannot come in with each better than all before: somebody is stopped, and early.
  expect(stopped.length).toBeGreaterThan(0);
  for (const { stoppedAtEpoch, progress } of stopped) {
    expect(rungs).toContain(stoppedAtEpoch);
    expect(progress.epoch).toBeLessThan(epochs);
  }
  expect(found.searchResults[0]).toMatchObject({
    points: 6,
    stoppedEarly: stopped.length,
    best: { runIds: [expect.any(String)] },
  });
}, 180_000);
