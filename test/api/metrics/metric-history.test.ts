import fc from 'fast-check';
import { downsample } from '../../../api/metrics/downsample';
import { metricHistory } from '../../../api/metrics/metric-history.service';
import type { SeriesPoint } from '../../../api/metrics/series';
import { historyKey, metricsKey } from '../../../contract/keys';
import type { ObjectStore } from '../../../contract/objects/object-store';
import type { MetricRecord } from '../../../contract/records';
import { writeHistory } from '../../../trainer/records/history';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { ask, dataOf } from '../../testkit/ask';
import { stepRecord, writeAttempt, writeChunk } from '../../testkit/written-run';

const values = fc.array(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }), { freq: 5 }), {
  minLength: 1,
  maxLength: 200,
});

describe('down-sampling', () => {
  it('keeps order, first, last, smallest and largest within the number of points, the same every time', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 4, max: 60 }), (value, maxPoints) => {
        const kept = downsample({ value }, maxPoints);
        expect(kept.length).toBeLessThanOrEqual(maxPoints);
        expect(kept).toEqual(downsample({ value }, maxPoints));
        expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
        expect([kept[0], kept.at(-1)]).toEqual([0, value.length - 1]);
        const finite = (from: readonly (number | null | undefined)[]) => from.filter((one) => one != null);
        const given = finite(kept.map((place) => value[place]));
        expect(Math.min(...given)).toBe(Math.min(...finite(value)));
        expect(Math.max(...given)).toBe(Math.max(...finite(value)));
      }),
    );
  });

  it('leaves a series that is short enough as it is', () => {
    expect(downsample({ value: [3, null, 1] }, 4)).toEqual([0, 1, 2]);
  });

  // Two buckets of five: in each first, smallest, largest, last; of equal values the earliest.
  it('keeps the corners of every part', () => {
    expect(downsample({ value: [5, 1, 9, 1, 5, 2, 7, 7, 0, 3] }, 8)).toEqual([0, 1, 2, 4, 5, 6, 8, 9]);
  });
});

const source = `query ($runIds: [ID!]!, $names: [String!]!, $maxPoints: Int! = 500, $exact: Boolean! = false, $afterStep: Int) {
  metricHistory(runIds: $runIds, names: $names, maxPoints: $maxPoints, exact: $exact, afterStep: $afterStep) {
    runId name totalPoints downsampled nextAfterStep points { step epoch elapsedSeconds value } } }`;

describe('the history of metrics', () => {
  const services = useTestServices();
  beforeEach(async () => {
    await insertExperiment(services());
    await insertRun(services(), 'r');
  });

  const history = async (given: object = {}) =>
    (await dataOf(services(), source, { runIds: ['r'], names: ['train/loss'], ...given })).metricHistory;
  const steps = ({ points }: { points: { step: number }[] }) => points.map(({ step }) => step);

  it('is one line over all attempts: what a resumed attempt computed again counts once', async () => {
    const { objects } = services();
    await writeAttempt(objects, 'r', 1, null);
    await writeChunk(objects, 'r', 1, 0, [stepRecord(1, { 'train/loss': 3 }), stepRecord(2, { 'train/loss': 2 })]);
    await writeChunk(objects, 'r', 1, 1, [stepRecord(3, { 'train/loss': 99 })]);
    await writeAttempt(objects, 'r', 2, 2);
    await writeChunk(objects, 'r', 2, 0, [stepRecord(3, { 'train/loss': null, 'test/accuracy': 1 })]);
    const [loss, accuracy, other] = await history({ names: ['train/loss', 'test/accuracy', 'no/such'] });
    expect(loss.points.map(({ value }: SeriesPoint) => value)).toEqual([3, 2, null]);
    expect(loss).toMatchObject({ runId: 'r', name: 'train/loss', totalPoints: 3, downsampled: false });
    expect(accuracy.points).toEqual([{ step: 3, epoch: 0, elapsedSeconds: 0.3, value: 1 }]);
    expect(other).toMatchObject({ name: 'no/such', points: [], totalPoints: 0 });
  });

  // As trainers wrote it before: the metrics of a step side by side, in as many row groups as it takes.
  it.each([[[3]], [[2, 1]]])('comes from the whole history where a run has finished: %j rows', async (rowGroupSize) => {
    const { parquetWriteBuffer } = await import('hyparquet-writer');
    const body = parquetWriteBuffer({
      rowGroupSize,
      columnData: [
        { name: 'step', type: 'INT32', nullable: false, data: [1, 1, 2] },
        { name: 'epoch', type: 'INT32', nullable: false, data: [0, 0, 1] },
        { name: 'elapsedSeconds', type: 'DOUBLE', nullable: false, data: [0.5, 0.5, 1.5] },
        { name: 'scope', type: 'STRING', nullable: false, data: ['step', 'step', 'epoch'] },
        { name: 'name', type: 'STRING', nullable: false, data: ['train/loss', 'other', 'train/loss'] },
        { name: 'value', type: 'DOUBLE', nullable: true, data: [0.1, 7, null] },
      ],
    });
    await services().objects.write(historyKey('r'), new Uint8Array(body));
    expect((await history())[0].points).toEqual([
      { step: 1, epoch: 0, elapsedSeconds: 0.5, value: 0.1 },
      { step: 2, epoch: 1, elapsedSeconds: 1.5, value: null },
    ]);
  });

  it('is the same from what a trainer writes as from the chunks, whichever of its metrics is asked for', async () => {
    const { objects } = services();
    const epochs = { scope: 'epoch', epoch: 1, elapsedSeconds: 9 } as const;
    const records: MetricRecord[] = [
      ...Array.from({ length: 2500 }, (_, step) =>
        stepRecord(step, { 'train/loss': step % 7 === 0 ? null : step / 3, 'test/loss': -step }),
      ),
      { ...epochs, step: 2499, values: { 'train/loss': 0.5, 'test/accuracy': 0.9 } },
    ];
    await writeAttempt(objects, 'r', 1, null);
    await writeChunk(objects, 'r', 1, 0, records);
    const asked = { names: ['test/accuracy', 'train/loss', 'no/such', 'test/loss'], maxPoints: 3000 };
    const fromChunks = await history(asked);
    expect(fromChunks.map(({ totalPoints }: { totalPoints: number }) => totalPoints)).toEqual([1, 2501, 0, 2500]);
    await writeHistory(objects, 'r', records);
    await objects.delete(metricsKey('r', 1, 0));
    expect(await history(asked)).toEqual(fromChunks);
    expect((await history({ names: ['test/loss'], maxPoints: 3000 }))[0]).toEqual(fromChunks[3]);
  });

  it('is read in parts where the file is large', async () => {
    const { objects } = services();
    const names = Array.from({ length: 4 }, (_, k) => `train/${k}`);
    const valuesAt = (step: number) => Object.fromEntries(names.map((name, k) => [name, Math.sin(step * (k + 1))]));
    const records = Array.from({ length: 20_000 }, (_, step) => stepRecord(step, valuesAt(step)));
    await writeHistory(objects, 'r', records);
    const { sizeBytes } = (await objects.info(historyKey('r')))!;
    expect(sizeBytes).toBeGreaterThan(1e6);
    let bytes = 0;
    const counting: ObjectStore = {
      ...objects,
      read: async (key, range) => {
        const body = await objects.read(key, range);
        bytes += body?.length ?? 0;
        return body;
      },
    };
    const asked = { runIds: ['r'], names: ['train/2'], maxPoints: 20_000, exact: false, afterStep: null };
    const [series] = await metricHistory({ ...services(), objects: counting }, { ...asked, maxPoints: 10_000 });
    const [first] = await metricHistory(
      { ...services(), objects: counting },
      { ...asked, exact: true, maxPoints: 100 },
    );
    expect(series).toMatchObject({ totalPoints: 20_000, downsampled: true });
    expect(first!.points.map(({ value }) => value)).toEqual(
      Array.from({ length: 100 }, (_, step) => Math.sin(step * 3)),
    );
    // The footer is read with up to half a megabyte of what is in front of it.
    expect(bytes).toBeLessThan(2 * sizeBytes);
  });

  it('is down-sampled where it is long, says so, and gives every value page by page on request', async () => {
    const { objects } = services();
    await writeAttempt(objects, 'r', 1, null);
    const records = Array.from({ length: 10 }, (_, step) => stepRecord(step, { 'train/loss': (step * 7) % 10 }));
    await writeChunk(objects, 'r', 1, 0, records);
    const [short] = await history({ maxPoints: 4 });
    // (7 step) mod 10 is smallest at step 0 and largest at step 7.
    expect([steps(short), short.downsampled, short.totalPoints]).toEqual([[0, 7, 9], true, 10]);
    const [first] = await history({ maxPoints: 6, exact: true });
    expect([steps(first), first.downsampled, first.nextAfterStep]).toEqual([[0, 1, 2, 3, 4, 5], false, 5]);
    const [second] = await history({ maxPoints: 6, exact: true, afterStep: 5 });
    expect([steps(second), second.totalPoints, second.nextAfterStep]).toEqual([[6, 7, 8, 9], 4, null]);
  });

  it('reports all problems of the arguments at once', async () => {
    const { errors } = await ask(services(), source, { runIds: ['r', 'r'], names: [], maxPoints: 3, afterStep: 1 });
    const paths = (errors[0]!.extensions.problems as { path: string }[]).map(({ path }) => path);
    expect(paths).toEqual(['names', 'runIds', 'maxPoints', 'afterStep']);
    const unknown = await ask(services(), source, { runIds: ['r', 'no'], names: ['x'] });
    expect(unknown.errors[0]!.message).toBe('runIds.1: there is no run "no"');
  });
});
