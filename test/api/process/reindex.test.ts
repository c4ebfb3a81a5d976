import type { Kysely } from 'kysely';
import type { Tables } from '../../../api/database/tables';
import { createExperiment } from '../../../api/experiments/experiment.service';
import type { Runner } from '../../../api/launcher/runner';
import { reindex } from '../../../api/process/reindex.service';
import { cancelRun } from '../../../api/runs/run-control.service';
import { experimentKey } from '../../../contract/keys';
import { type TestServices, useTestServices } from '../../testkit/api-services';
import { useTestRecords } from '../../testkit/records';
import { eventually, scriptedRunner } from '../../testkit/test-runner';

let runner: Runner;
// Stated before the records are: hooks run in this order, and a runner needs them to close.
afterEach(() => runner.close());
const testServices = useTestServices();
const records = useTestRecords();
let services: TestServices;

/** An experiment of three seeds, launched. */
async function experimentWithRuns(): Promise<string> {
  const created = await createExperiment(
    services,
    {
      name: 'To be rebuilt',
      question: 'Is it the same?',
      data: { train: '/nowhere/train.csv', test: '/nowhere/test.csv' },
      variants: [{ name: 'scratch', method: 'scratch', parameters: { epochs: 3 } }],
      seeds: [0, 1, 2],
      tags: ['kept'],
    },
    { clientRequestId: null, launch: true },
  );
  if (!('experiment' in created)) throw new Error(JSON.stringify(created));
  return created.experiment.id;
}

/** Everything that is to come back, without what only the moment of a change tells. */
async function contents(database: Kysely<Tables>) {
  const all = async <T extends keyof Tables>(table: T) =>
    (
      await database
        .selectFrom(table as 'run')
        .selectAll()
        .execute()
    )
      .map((row) => JSON.stringify(withoutMoments(row)))
      .sort();
  return {
    experiments: await all('experiment'),
    tags: await all('experiment_tag'),
    runs: await all('run'),
    parameters: await all('run_parameter'),
    attempts: await all('attempt'),
    summaries: await all('summary_metric'),
    epochs: await all('epoch_metric'),
    positions: await all('ingest'),
  };
}

const moments = ['updated_at', 'heartbeat_at', 'started_at', 'submitted_at', 'finished_at', 'ended_at', 'revision'];
/** Told by events and by the last sign of life, and of no use once the run is over. */
const passing = ['waiting_reason', 'phase', 'exit_code', 'crashes', 'outcome'];
const withoutMoments = (row: object) =>
  Object.fromEntries(Object.entries(row).filter(([name]) => ![...moments, ...passing].includes(name)));

async function rebuilt() {
  const database = await records.open();
  const report = await reindex({ ...services, database });
  return { database, report };
}

describe('a reindex', () => {
  it('brings back from the objects alone what the records held', async () => {
    services = testServices();
    const id = await experimentWithRuns();
    runner = scriptedRunner(services, {
      scripts: { [`${id}-0000`]: 'ok', [`${id}-0001`]: 'slow', [`${id}-0002`]: 'slow' },
    });
    await runner.start();
    const stateOf = async (place: number) => {
      const runs = await services.database.selectFrom('run').select('state').orderBy('position').execute();
      return runs[place]!.state;
    };
    await eventually('one has succeeded', async () => (await stateOf(0)) === 'SUCCEEDED');
    await eventually('one runs', async () => (await stateOf(1)) === 'RUNNING');
    await cancelRun(services, `${id}-0001`);
    await eventually('it is cancelled', async () => (await stateOf(1)) === 'CANCELLED');
    await eventually('the last one runs', async () => (await stateOf(2)) === 'RUNNING');
    await runner.close();
    expect(await stateOf(2)).toBe('PENDING');

    const { database, report } = await rebuilt();
    expect(report).toEqual({ experiments: 1, runs: 3, problems: [] });
    expect(await contents(database)).toEqual(await contents(services.database));
    const succeeded = (table: Kysely<Tables>) =>
      table.selectFrom('attempt').select('outcome').where('run_id', '=', `${id}-0000`).execute();
    expect(await succeeded(database)).toEqual(await succeeded(services.database));
  });

  it('makes an experiment of the specs of its runs where its definition is gone', async () => {
    services = testServices();
    const id = await experimentWithRuns();
    runner = scriptedRunner(services, {
      scripts: { [`${id}-0000`]: 'ok', [`${id}-0001`]: 'ok', [`${id}-0002`]: 'ok' },
    });
    await runner.start();
    const open = () => services.database.selectFrom('run').select('id').where('state', '!=', 'SUCCEEDED').execute();
    await eventually('all have succeeded', async () => (await open()).length === 0);
    await runner.close();
    await services.objects.delete(experimentKey(id));

    const { database, report } = await rebuilt();
    expect(report).toEqual({ experiments: 1, runs: 3, problems: [] });
    const before = await contents(services.database);
    const after = await contents(database);
    expect(after.runs.map(withoutCreation)).toEqual(before.runs.map(withoutCreation));
    expect(after.summaries).toEqual(before.summaries);
  });

  it('says what it left out, and goes on with the rest', async () => {
    services = testServices();
    const id = await experimentWithRuns();
    runner = scriptedRunner(services, { scripts: { [`${id}-0000`]: 'ok' } });
    await runner.start();
    await eventually('its definition is kept', async () => (await services.objects.info(experimentKey(id))) !== null);
    await runner.close();
    await services.objects.write('runs/strange/metrics/0001-00000000.jsonl', 'what is this');

    const { report } = await rebuilt();
    expect(report).toMatchObject({ experiments: 1, runs: 3, problems: [expect.stringContaining('runs/strange/')] });
  });
});

/** Where the definition is gone nobody knows when it was created, but when its runs were first launched. */
const withoutCreation = (row: string): object => {
  const { created_at: _, ...rest } = JSON.parse(row);
  return rest;
};
