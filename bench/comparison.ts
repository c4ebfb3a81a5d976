import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { compare } from '../api/comparison/comparison.service';
import type { ComparedPairs } from '../api/comparison/request';
import { openSqlite } from '../api/database/sqlite';
import { createRunChanges } from '../api/subscriptions/run-changes';
import { directoryObjectStore } from '../contract/objects/directory';
import { insertExperiment } from '../test/testkit/api-services';
import { insertEvaluatedRun, writeTestPredictions } from '../test/testkit/evaluated-run';

const [variants, seeds, rows, warmRounds] = [20, 10, 2388, 5];
const classes = ['Bearish', 'Bullish', 'Neutral'];
const targetMilliseconds = 1000;

/**
 * Milliseconds, wall (CPU), of `compare` with all its tests over 20 variants x 10 seeds and their stored predictions. Cold: no prediction
 * has been read yet, nothing is compiled but what the cases before used. Warm: the median of further calls.
 */
export async function measureComparison(): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));
  const database = await openSqlite(join(folder, 'records.sqlite'));
  try {
    const services = { database, changes: createRunChanges(), wake: () => {} };
    await insertExperiment({ ...services, objects: directoryObjectStore(folder) });
    await writeRuns({ ...services, objects: directoryObjectStore(folder) });
    const lines = [
      `compare, ${variants} variants x ${seeds} seeds, ${rows} rows of predictions; wall (CPU), to be at most ${targetMilliseconds} ms`,
    ];
    for (const [metric, pairs] of [
      ['test/accuracy', 'WITH_BASELINE'],
      ['test/accuracy', 'ALL'],
      ['test/macro-f1', 'WITH_BASELINE'],
      ['test/macro-f1', 'ALL'],
    ] as const) {
      // Predictions are kept by store: a new one has none.
      const fresh = { ...services, objects: directoryObjectStore(folder) };
      const cold = await timeOf(() => compareAll(fresh, metric, pairs));
      const warm: Time[] = [];
      for (let round = 0; round < warmRounds; round++) warm.push(await timeOf(() => compareAll(fresh, metric, pairs)));
      const median = warm.sort((a, b) => a.wall - b.wall)[Math.floor(warmRounds / 2)]!;
      lines.push(`  ${metric.padEnd(14)} ${pairs.padEnd(14)} cold ${timeText(cold)}  warm ${timeText(median)}`);
    }
    return lines;
  } finally {
    await database.destroy();
    rmSync(folder, { recursive: true });
  }
}

type Services = Parameters<typeof compare>[0];

async function compareAll(services: Services, metric: string, pairs: ComparedPairs): Promise<void> {
  const at = { point: 'FINAL' as const };
  const chosen = { baseline: 'v0', groupBy: null, pairs, allowDifferentData: false };
  const outcome = await compare(services, { experimentIds: ['experiment'], metric, at, ...chosen });
  if ('problems' in outcome) throw new Error(JSON.stringify(outcome.problems));
  const { pairs: tested } = await outcome.tests();
  if (tested.some(({ mcNemar, bootstrap }) => mcNemar === null || bootstrap === null))
    throw new Error('a test was not made');
}

interface Time {
  wall: number;
  cpu: number;
}

const timeText = ({ wall, cpu }: Time): string => `${wall.toFixed(0).padStart(5)} (${cpu.toFixed(0)}) ms`;

async function timeOf(work: () => Promise<void>): Promise<Time> {
  const [begun, used] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(used);
  return { wall: performance.now() - begun, cpu: (user + system) / 1000 };
}

/** Models that are right in 80 to 84 of 100 rows, mostly the same ones, as runs of the experiment `experiment`. */
export async function writeRuns(services: Services): Promise<void> {
  const generator = xoroshiro128plus(1);
  const draw = (below: number) => uniformInt(generator, 0, below - 1);
  const labels = Int32Array.from({ length: rows }, () => draw(3));
  const difficulties = Int32Array.from({ length: rows }, () => draw(1000));
  for (let variant = 0; variant < variants; variant++)
    for (let seed = 0; seed < seeds; seed++) {
      const predicted = labels.map((label, row) =>
        difficulties[row]! + draw(200) < 900 + variant * 2 ? label : (label + 1) % 3,
      );
      const test = predicted.filter((taken, row) => taken === labels[row]).length / rows;
      const id = `v${variant}-${seed}`;
      await insertEvaluatedRun(services, id, { group_id: `v${variant}`, seed }, [{ epoch: 1, seconds: 1, test }]);
      await writeTestPredictions(services.objects, id, 1, { labels, predicted, classes });
    }
  const copied = await services.database
    .selectFrom('epoch_metric')
    .selectAll()
    .where('name', '=', 'test/accuracy')
    .execute();
  for (let start = 0; start < copied.length; start += 100)
    await services.database
      .insertInto('epoch_metric')
      .values(copied.slice(start, start + 100).map((row) => ({ ...row, name: 'test/macro-f1' })))
      .execute();
}
