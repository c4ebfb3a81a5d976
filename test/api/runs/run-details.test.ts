import { summarise } from '../../../api/ingest/summary';
import { limits } from '../../../api/shared/limits';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { dataOf } from '../../testkit/ask';

const services = useTestServices();

async function log(runId: string, values: Record<string, number>[]) {
  const summaries: Parameters<typeof summarise>[0] = new Map();
  const records = values.map((at, step) => ({ step, epoch: 0, elapsedSeconds: 0, scope: 'step' as const, values: at }));
  summarise(summaries, runId, records);
  await services()
    .database.transaction()
    .execute(async (transaction) => {
      for (const summary of summaries.values())
        await transaction.insertInto('summary_metric').values(summary).execute();
    });
}

describe('the metrics of a run', () => {
  beforeEach(async () => {
    await insertExperiment(services());
    for (const id of ['a', 'b']) await insertRun(services(), id);
  });

  it('are summarised over the whole history, for every run of a page and for the names that are asked for', async () => {
    await log('a', [{ 'test/accuracy': 0.5, 'train/loss': 3 }, { 'test/accuracy': 0.9 }, { 'test/accuracy': 0.7 }]);
    await log('b', [{ 'train/loss': 2 }]);
    const source = `{ runs(orderBy: [{ field: POSITION }]) { nodes {
      id all: metrics { name } some: metrics(names: ["test/accuracy"]) { name count last min max mean best bestStep lastStep } } } }`;
    const { nodes } = (await dataOf(services(), source)).runs;
    expect(nodes).toEqual([
      {
        id: 'a',
        all: [{ name: 'test/accuracy' }, { name: 'train/loss' }],
        some: [
          {
            name: 'test/accuracy',
            count: 3,
            last: 0.7,
            lastStep: 2,
            min: 0.5,
            max: 0.9,
            mean: expect.closeTo(0.7, 12),
            best: 0.9,
            bestStep: 1,
          },
        ],
      },
      { id: 'b', all: [{ name: 'train/loss' }], some: [] },
    ]);
  });

  it('are bounded where a run has very many, but reached by name', async () => {
    const cells = Array.from({ length: limits.metricsPerRun + 5 }, (_, at) => [
      `cell/${String(at).padStart(4, '0')}`,
      at,
    ]);
    await log('a', [Object.fromEntries(cells)]);
    const source = '{ run(id: "a") { metrics { name } last: metrics(names: ["cell/0504"]) { last } } }';
    const { run } = await dataOf(services(), source);
    expect(run.metrics).toHaveLength(limits.metricsPerRun);
    expect(run.last).toEqual([{ last: 504 }]);
  });
});
