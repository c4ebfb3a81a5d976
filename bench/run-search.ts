import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite } from '../api/database/sqlite';
import { insertRuns } from '../api/experiments/experiment.store';
import { newRun } from '../api/runs/new-run';
import { searchRuns } from '../api/runs/run.service';
import type { RunFilter, RunOrder } from '../api/runs/run-filter';
import { parameterRows } from '../api/runs/variant-group';
import { createRunChanges } from '../api/subscriptions/run-changes';
import { directoryObjectStore } from '../contract/objects/directory';
import { parseRunSpec } from '../contract/run-spec';

/** Seconds a page of runs takes among many runs with their parameters and metrics. `npx tsx bench/run-search.ts` */
const runCount = Number(process.argv[2] ?? 100_000);
const metricNames = ['test/accuracy', 'dev/accuracy', 'train/loss'];
/** Rows of other hyper-parameters are never looked at, and would take most of the time to store. */
const parameterNames = ['alpha', 'epochs', 'loss', 'temperature', 'studentUnits', 'batchSize'];

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));
  const database = await openSqlite(join(folder, 'records.sqlite'));
  const services = { database, objects: directoryObjectStore(folder), changes: createRunChanges(), wake: () => {} };
  const data = { train: '/nowhere', test: '/nowhere' };
  const perExperiment = 500;
  for (let start = 0; start < runCount; start += perExperiment)
    await database.transaction().execute(async (transaction) => {
      const specs = Array.from({ length: perExperiment }, (_, at) => {
        const runId = `r${start + at}`;
        const parsed = parseRunSpec({
          runId,
          method: at % 2 ? 'kd' : 'scratch',
          teacher: { kind: 'random' },
          seed: at % 5,
          data,
          parameters: { epochs: (at % 7) + 1 },
        });
        if (parsed.kind === 'invalid') throw new Error(JSON.stringify(parsed.problems));
        return parsed.value;
      });
      const createdAt = new Date(1.7e12 + start * 1000).toISOString();
      const at = { experimentId: `x${start}`, createdAt, changedAt: createdAt };
      await insertRuns(
        transaction,
        specs.map((spec, position) => newRun({ spec, dependsOn: null }, { ...at, position })),
      );
      await transaction
        .insertInto('run_parameter')
        .values(
          specs.flatMap((spec) =>
            parameterRows(spec)
              .filter(({ name }) => parameterNames.includes(name))
              .map((row) => ({ ...row, run_id: spec.runId })),
          ),
        )
        .execute();
      const metrics = specs.flatMap(({ runId }, place) =>
        metricNames.map((name) => {
          const value = (((start + place) * 7919) % 10_007) / 10_007;
          const steps = { last_step: 1, min_step: 1, max_step: 1, best_step: 1 };
          return {
            run_id: runId,
            name,
            count: 1,
            last: value,
            min: value,
            max: value,
            sum: value,
            best: value,
            ...steps,
          };
        }),
      );
      for (let from = 0; from < metrics.length; from += 500)
        await transaction
          .insertInto('summary_metric')
          .values(metrics.slice(from, from + 500))
          .execute();
    });

  const newest: RunOrder[] = [{ field: 'CREATED_AT', direction: 'DESC', nulls: 'LAST' }];
  const best: RunOrder[] = [{ metric: { name: 'test/accuracy', reducer: 'BEST' }, direction: 'DESC', nulls: 'LAST' }];
  const rare: RunFilter = { metric: { name: 'test/accuracy', reducer: 'LAST', value: { gt: 0.999 } } };
  const mixed: RunFilter = {
    OR: [{ method: { eq: 'kd' }, parameter: { name: 'alpha', number: { gte: 0.5 } } }, { seed: { in: [3, 4] } }],
    NOT: { metric: { name: 'train/loss', reducer: 'MEAN', value: { lt: 0.9 } } },
  };
  const cases: [string, RunFilter, RunOrder[]][] = [
    ['newest first', {}, newest],
    ['best accuracy first', {}, best],
    ['rare metric value', rare, newest],
    ['rare metric value, best first', rare, best],
    ['or, not, parameter, metric', mixed, newest],
    ['one experiment', { experimentId: { eq: 'x500' } }, best],
  ];
  console.log(`${runCount} runs`);
  for (const [name, filter, order] of cases) {
    let after: string | null = null;
    const times: string[] = [];
    for (let page = 0; page < 3; page++) {
      const begun = performance.now();
      const found = await searchRuns(services, filter, order, { first: 50, after });
      times.push(`${(performance.now() - begun).toFixed(0)} ms`);
      after = found.edges.at(-1)?.cursor ?? null;
    }
    const begun = performance.now();
    const count = await (await searchRuns(services, filter, order, { first: 1 })).totalCount();
    console.log(`${name}: pages ${times.join(', ')}; counting ${count}: ${(performance.now() - begun).toFixed(0)} ms`);
  }
  await database.destroy();
  rmSync(folder, { recursive: true });
}

void main();
