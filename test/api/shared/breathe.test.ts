import { setImmediate } from 'node:timers/promises';
import { drawnByClass, type Predicted, resampledScores } from '../../../api/comparison/statistics/bootstrap';
import { resampleRows, rowBits } from '../../../api/comparison/statistics/resampled-rows';
import { contentOf } from '../../../api/http/export-http';
import { metricHistory } from '../../../api/metrics/metric-history.service';
import { breathe, outOfBreath } from '../../../api/shared/breathe';
import type { Cell, Column } from '../../../contract/parquet';
import { writeHistory } from '../../../trainer/records/history';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { stepRecord, writeAttempt, writeChunk } from '../../testkit/written-run';

const services = useTestServices();

/** Of all processor time; work that does not give way takes it in one turn. Compiling and collecting garbage count as well. */
const longestShare = 0.7;

/** Does some work beside a loop of other turns. @returns the longest turn's share of the processor time, and the turns */
async function turnsBeside(work: () => Promise<unknown>): Promise<{ longest: number; turns: number }> {
  const found = { longest: 0, total: 0, turns: 0 };
  let over = false;
  const others = (async () => {
    let before = process.cpuUsage();
    while (!over) {
      await setImmediate();
      const { user, system } = process.cpuUsage(before);
      before = process.cpuUsage();
      found.longest = Math.max(found.longest, user + system);
      found.total += user + system;
      found.turns += 1;
    }
  })();
  await work().finally(() => {
    over = true;
  });
  await others;
  return { longest: found.longest / found.total, turns: found.turns };
}

/** Holds the event loop for some milliseconds. */
function work(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

describe('long work', () => {
  it('gives way after every slice, however many clients have some', async () => {
    const jobs = 8;
    const slices = 5;
    const job = async () => {
      for (let slice = 0; slice < slices; slice += 1) {
        work(10);
        await breathe();
      }
    };
    const { turns } = await turnsBeside(() => Promise.all(Array.from({ length: jobs }, job)));
    // All jobs begin in one turn, before the first of them breathes.
    expect(turns).toBeGreaterThanOrEqual(jobs * (slices - 1));
  });

  it('goes on at once while the slice lasts', async () => {
    while (!outOfBreath()) work(1);
    await breathe();
    let turned = false;
    void setImmediate().then(() => {
      turned = true;
    });
    await breathe();
    expect(turned).toBe(false);
  });
});

describe('others are answered between slices of', () => {
  it('the resampling of many rows', async () => {
    const [rows, classCount] = [500, 8];
    const labels = Int32Array.from({ length: rows }, (_, row) => row % classCount);
    const predicted = labels.map((label, row) => (row % 3 === 0 ? (label + row) % classCount : label));
    const model: Predicted = {
      ...{ labels, predicted, classCount },
      right: rowBits(rows, (row) => labels[row] === predicted[row]),
    };
    const { longest, turns } = await turnsBeside(async () => {
      const resampled = await resampleRows(rows);
      await resampledScores(resampled, await drawnByClass(resampled, model), model, 'macro-f1');
    });
    expect(turns).toBeGreaterThan(20);
    expect(longest).toBeLessThan(longestShare);
  });

  it.each(['csv', 'jsonl', 'parquet'] as const)('an export as %s', async (format) => {
    const columns = Array.from(
      { length: 200 },
      (_, at): Column => ({ name: `c${at}`, type: at % 2 === 0 ? 'number' : 'text' }),
    );
    const rows = Array.from({ length: 200 }, (_, row): Cell[] =>
      columns.map(({ type }, at) => (type === 'number' ? (row * at) / 7 : `text ${row} ${at}`)),
    );
    async function* batches() {
      for (let batch = 0; batch < 8; batch += 1) yield { rows, cursorBehind: () => '' };
    }
    const { longest, turns } = await turnsBeside(async () => {
      for await (const _ of contentOf({ columns, batches }, format, true));
    });
    expect(turns).toBeGreaterThan(20);
    expect(longest).toBeLessThan(longestShare);
  });

  it('long histories, from chunks and from files', async () => {
    const { objects } = services();
    await insertExperiment(services());
    const records = Array.from({ length: 5000 }, (_, at) => stepRecord(at + 1, { 'train/loss': 1 / (at + 1) }));
    await insertRun(services(), 'chunks');
    await writeAttempt(objects, 'chunks', 1, null);
    for (let start = 0; start < records.length; start += 500)
      await writeChunk(objects, 'chunks', 1, start / 500, records.slice(start, start + 500));
    await insertRun(services(), 'file');
    await writeHistory(objects, 'file', records);
    const names = ['train/loss'];
    const asked = { runIds: ['chunks', 'file'], names, maxPoints: 5000, exact: false, afterStep: null };
    const answers: Awaited<ReturnType<typeof metricHistory>>[] = [];
    const { longest, turns } = await turnsBeside(async () => {
      for (let time = 0; time < 4; time += 1) answers.push(await metricHistory(services(), asked));
    });
    for (const [fromChunks, fromFile] of answers) expect(fromFile).toEqual({ ...fromChunks, runId: 'file' });
    expect(turns).toBeGreaterThan(10);
    expect(longest).toBeLessThan(longestShare);
  });
});
