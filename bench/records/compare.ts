import type { Services } from '../../api/context/context';
import type { Tables } from '../../api/database/tables';
import { inTransaction } from '../../api/database/transaction';
import { newRun } from '../../api/definition/new-run';
import { scoreName, scoreNames } from '../../contract/metric-names';
import { insertExperiment } from '../../test/testkit/api-services';
import { dataOf } from '../../test/testkit/ask';
import { insertAll, randomNumbers, someSpec } from './many-runs';
import { report, type Spent, stopwatch } from './stopwatch';

const [variants, seeds, epochs, rounds] = [100, 10, 10, 20];
const experimentId = 'compared';

const groups = `groups { id name n mean standardDeviation interval { low high } difference values { seed value } }`;
const pairs = `pairs { name difference interval { low high } tTest { p holmP } wilcoxon { p holmP } verdict { text } }`;
const compareOf = (fields: string) => `query ($ids: [ID!]!) {
  compare(experimentIds: $ids, metric: "test/accuracy", baseline: "v0") {
    ... on Comparison { ${fields} warnings { message } } ... on InvalidInput { problems { message } } } }`;

/**
 * Prints what a comparison of 1,000 runs takes as a client asks for it: groups alone, and with the tests by seed of all
 * variants against a baseline. No predictions are stored: `npm run bench -- compare` measures the tests by example.
 */
export async function measureComparisons(services: Services): Promise<void> {
  const stored = await services.database.selectFrom('run').select('id').where('experiment_id', '=', experimentId);
  if ((await stored.limit(1).execute()).length === 0) await storeComparedRuns(services);
  const clock = await stopwatch(services.database);
  const ask = async (fields: string): Promise<Spent> => {
    const stop = clock();
    const { compare } = await dataOf(services, compareOf(fields), { ids: [experimentId] });
    const spent = stop();
    if (compare.groups?.length !== variants) throw new Error(JSON.stringify(compare));
    return spent;
  };
  for (const [what, fields] of [
    ['groups', groups],
    ['groups and pairs', `${groups} ${pairs}`],
  ] as const) {
    const first = await ask(fields);
    const further: Spent[] = [];
    for (let round = 0; round < rounds; round++) further.push(await ask(fields));
    report(`compare ${variants * seeds} runs, ${what}, the first time`, [first]);
    report(`compare ${variants * seeds} runs, ${what}, again`, further);
  }
}

/** Every variant a little better than the one before, every epoch than the one before; all scores are the same. */
async function storeComparedRuns(services: Services): Promise<void> {
  const random = randomNumbers(3);
  const createdAt = new Date(1.6e12).toISOString();
  await insertExperiment(services, { id: experimentId, created_at: createdAt, updated_at: createdAt });
  for (let variant = 0; variant < variants; variant++) {
    const runs = Array.from({ length: seeds }, (_, seed): Tables['run'] => {
      const position = variant * seeds + seed;
      const spec = { ...someSpec(), runId: `${experimentId}-${position}`, variant: `v${variant}`, seed };
      const run = newRun(spec, { experimentId, position, createdAt, changedAt: createdAt });
      return { ...run, group_id: spec.variant, state: 'SUCCEEDED' };
    });
    const scores = runs.flatMap((run) =>
      Array.from({ length: epochs }, (_, at) => at + 1).flatMap((epoch) => {
        const value = 0.7 + variant / 1000 + epoch / 100 + random() / 20;
        const names = (['dev', 'test'] as const).flatMap((split) => scoreNames.map((score) => scoreName(split, score)));
        const at = { run_id: run.id, epoch, step: epoch * 100, elapsed_seconds: epoch * 10 };
        return names.map((name) => ({ ...at, name, value }));
      }),
    );
    await inTransaction(services.database, async (transaction) => {
      await insertAll(transaction, 'run', runs);
      await insertAll(transaction, 'epoch_metric', scores);
    });
  }
}
