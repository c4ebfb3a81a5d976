import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { dataOf } from '../../testkit/ask';

const services = useTestServices();

const present = async () =>
  (
    await dataOf(
      services(),
      `{ experiment(id: "experiment") { presentation {
        title notes columns { name selectedOnTest reported } rows { label cells { value standardDeviation n } }
      } } }`,
    )
  ).experiment.presentation;

async function succeeded(id: string, variant: string, accuracies: number[]): Promise<void> {
  await insertRun(services(), id, { variant, state: 'SUCCEEDED' });
  const rows = accuracies.flatMap((value, place) =>
    ['dev/accuracy', 'test/accuracy', 'loss/not-shown'].map((name) => ({
      ...{ run_id: id, name, value, epoch: place + 1, step: place, elapsed_seconds: place },
    })),
  );
  await services().database.insertInto('epoch_metric').values(rows).execute();
}

test('an experiment of a preset shows its tables, with its notes, its scale and the runs that are left out', async () => {
  await insertExperiment(services(), { definition: JSON.stringify({ preset: { name: 'E2', scale: 0.1 } }) });
  await succeeded('a', 'meta-full ce', [0.7, 0.8]);
  await succeeded('b', 'meta-full ce', [0.6, 0.6]);
  await insertRun(services(), 'c', { variant: 'meta-full ce', state: 'FAILED' });
  await insertRun(services(), 'd', { variant: 'meta-full ce', state: 'RUNNING' });
  const [best, ...more] = await present();
  expect(more).toEqual([]);
  const thesis = best.columns.findIndex(({ reported }: { reported: boolean }) => reported);
  expect(best.rows[0].label).toBe('meta-full ce');
  expect(best.rows[0].cells[0]).toEqual({
    value: expect.closeTo(0.7, 12),
    standardDeviation: expect.closeTo(Math.hypot(0.1, 0.1), 12),
    n: 2,
  });
  expect(best.rows[0].cells[thesis].value).toBe(0.8183);
  expect(best.notes).toEqual(
    expect.arrayContaining([
      expect.stringContaining('A quick look at E2: scale 0.1'),
      '1 of 4 runs are not over yet and are left out.',
      '1 of 4 runs ended without a result and are left out.',
    ]),
  );
});

test('an experiment of no preset shows the best and the time, without figures of the thesis', async () => {
  await insertExperiment(services());
  await succeeded('a', 'kd', [0.5]);
  const tables = await present();
  expect(tables.map(({ title }: { title: string }) => title)).toEqual([
    expect.stringContaining('Best accuracy'),
    'Seconds an epoch',
  ]);
  expect(tables[0].columns.some(({ reported }: { reported: boolean }) => reported)).toBe(false);
});
