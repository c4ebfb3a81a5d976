import { createExperiment } from '../../../api/experiments/experiment.service';
import { findExperiment } from '../../../api/experiments/experiment.store';
import { retryFailedRuns } from '../../../api/experiments/experiment-control.service';
import { writeExperimentRecord } from '../../../api/experiments/experiment-record';
import { ingestRun } from '../../../api/ingest/ingest.service';
import { reindex } from '../../../api/process/reindex.service';
import { searchRuns } from '../../../api/runs/run.service';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { countTransactions } from '../../testkit/counted-transactions';
import { useTestRecords } from '../../testkit/records';
import { epochRecord, writeAttempt, writeChunk } from '../../testkit/written-run';

/** Rows that Aurora DSQL lets one transaction change. */
const limit = 3000;
const services = useTestServices();
const records = useTestRecords();

/** As many runs as an experiment may have. */
const largest = {
  name: 'Large',
  question: '',
  data: { train: '/nowhere/train.csv', test: '/nowhere/test.csv' },
  variants: [{ name: 'scratch', method: 'scratch', parameters: {} }],
  grid: [
    { parameter: 'epochs', values: [1, 2, 3, 4, 5] },
    { parameter: 'batchSize', values: [8, 16, 32, 64] },
  ],
  seeds: Array.from({ length: 50 }, (_, seed) => seed),
};
const options = { clientRequestId: 'one', launch: true };

describe('the rows of one transaction stay within what Aurora DSQL allows', () => {
  it('where the largest experiment is created, its runs are all retried, and it is rebuilt from the objects', async () => {
    const { database, changedRows } = countTransactions(services().database);
    const target = { ...services(), database };
    const created = await createExperiment(target, largest, options);
    if (!('experiment' in created)) throw new Error(JSON.stringify(created));
    const { id } = created.experiment;
    expect(await database.selectFrom('run').select('id').execute()).toHaveLength(1000);
    await database.updateTable('run').set({ state: 'FAILED', failure_kind: 'crash' }).execute();
    expect(await retryFailedRuns(target, id, null)).toMatchObject({ runIds: { length: 1000 } });
    expect(Math.max(...changedRows)).toBeLessThanOrEqual(limit);

    await writeExperimentRecord(target.objects, (await findExperiment(database, id))!);
    const rebuilt = countTransactions(await records.open());
    expect(await reindex({ ...target, database: rebuilt.database })).toEqual({
      experiments: 1,
      runs: 1000,
      problems: [],
    });
    expect(Math.max(...rebuilt.changedRows)).toBeLessThanOrEqual(limit);
  }, 120_000);

  it('where many metrics of several attempts are taken in at once', async () => {
    await insertExperiment(services());
    await insertRun(services(), 'r', { state: 'RUNNING', attempt: 3 });
    const values = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`dev/confusion/a/${at}`, at]));
    for (const attempt of [1, 2, 3]) {
      await writeAttempt(services().objects, 'r', attempt, attempt === 1 ? null : 5 * (attempt - 1));
      for (let epoch = 5 * (attempt - 1) + 1; epoch <= 5 * attempt + 1; epoch++)
        await writeChunk(services().objects, 'r', attempt, epoch, [epochRecord(epoch, epoch, values)]);
    }
    const { database, changedRows } = countTransactions(services().database);
    await ingestRun({ ...services(), database }, 'r');
    expect(changedRows.length).toBeGreaterThan(3);
    expect(Math.max(...changedRows)).toBeLessThanOrEqual(limit);
    expect(await database.selectFrom('epoch_metric').select('epoch').execute()).toHaveLength(16 * 400);
    const { count, sum } = await database
      .selectFrom('summary_metric')
      .selectAll()
      .where('name', '=', 'dev/confusion/a/7')
      .executeTakeFirstOrThrow();
    expect({ count, sum }).toEqual({ count: 16, sum: 16 * 7 });
  });
});

describe('a run with more metrics than one transaction takes', () => {
  const metricCount = 3200;
  const wide = (value: number) =>
    Object.fromEntries(Array.from({ length: metricCount }, (_, at) => [`dev/confusion/a/${at}`, value]));

  /** Two epochs, of which a second attempt computes the second again and a third one. */
  async function writeRun() {
    await insertExperiment(services());
    await insertRun(services(), 'r', { state: 'RUNNING', attempt: 2 });
    const { objects } = services();
    await writeAttempt(objects, 'r', 1, null);
    for (const epoch of [1, 2]) await writeChunk(objects, 'r', 1, epoch, [epochRecord(epoch, epoch, wide(epoch))]);
    return async () => {
      await writeAttempt(objects, 'r', 2, 1);
      for (const epoch of [2, 3])
        await writeChunk(objects, 'r', 2, epoch, [epochRecord(epoch, epoch, wide(10 * epoch))]);
    };
  }
  /** Distinct summaries with how many metrics have them, and the number of evaluations. */
  async function contents() {
    const { database } = services();
    const summaries = await database.selectFrom('summary_metric').select(['count', 'sum', 'last']).execute();
    const rows = await database.selectFrom('epoch_metric').select('epoch').execute();
    return {
      kinds: [...new Set(summaries.map((row) => JSON.stringify(row)))],
      metrics: summaries.length,
      rows: rows.length,
    };
  }
  const first = { kinds: ['{"count":2,"sum":3,"last":2}'], metrics: metricCount, rows: 2 * metricCount };
  const all = { kinds: ['{"count":3,"sum":51,"last":30}'], metrics: metricCount, rows: 3 * metricCount };

  it('is taken in by several', async () => {
    const goOn = await writeRun();
    const { database, changedRows } = countTransactions(services().database);
    await ingestRun({ ...services(), database }, 'r');
    expect(await contents()).toEqual(first);
    await goOn();
    await ingestRun({ ...services(), database }, 'r');
    expect(await contents()).toEqual(all);
    expect(Math.max(...changedRows)).toBeLessThanOrEqual(limit);
  });

  it('counts nothing twice where the process dies in between, wherever that is', async () => {
    const goOn = await writeRun();
    const dieAfter = async (transactions: number) => {
      const { database } = countTransactions(services().database, transactions);
      return ingestRun({ ...services(), database }, 'r').then(
        () => 'done',
        (error: Error) => error.message,
      );
    };
    const ends: string[] = [];
    for (const transactions of [0, 1, 2, 1, 1]) ends.push(await dieAfter(transactions));
    await goOn();
    for (const transactions of [0, 1, 2, 3, 1]) ends.push(await dieAfter(transactions));
    expect(new Set(ends)).toEqual(new Set(['the process died']));
    await ingestRun(services(), 'r');
    expect(await contents()).toEqual(all);
  });

  it('is taken in once by several at one time', async () => {
    const goOn = await writeRun();
    await Promise.all([1, 2, 3].map(() => ingestRun(services(), 'r')));
    expect(await contents()).toEqual(first);
    await goOn();
    await Promise.all([1, 2, 3].map(() => ingestRun(services(), 'r')));
    expect(await contents()).toEqual(all);
  });
});

describe('an experiment whose creation is cut off', () => {
  const medium = { ...largest, seeds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] };

  it.each([0, 1, 3])('in transaction %i is not there, and is made whole when asked for again', async (failAt) => {
    const dying = countTransactions(services().database, failAt);
    await expect(createExperiment({ ...services(), database: dying.database }, medium, options)).rejects.toThrow(
      'the process died',
    );
    expect((await searchRuns(services(), {}, null, { first: 1 })).edges).toEqual([]);
    expect(await services().database.selectFrom('experiment').selectAll().execute()).toEqual([]);

    expect(await createExperiment(services(), medium, options)).toMatchObject({ repeated: false });
    expect(await createExperiment(services(), medium, options)).toMatchObject({ repeated: true });
    const filter = { parameter: { name: 'epochs', number: { eq: 5 } } };
    expect(await (await searchRuns(services(), filter, null, { first: 1 })).totalCount()).toBe(40);
  });
});
