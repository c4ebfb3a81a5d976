import fc from 'fast-check';
import { downsample, type SeriesPoint } from '../../../api/metrics/downsample';
import { historyKey } from '../../../contract/keys';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { ask, dataOf } from '../../testkit/ask';
import { stepRecord, writeAttempt, writeChunk } from '../../testkit/written-run';

const point = (step: number, value: number | null): SeriesPoint => ({ step, epoch: 0, elapsedSeconds: step, value });
const series = fc
  .array(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }), { freq: 5 }), { minLength: 1, maxLength: 200 })
  .map((values) => values.map((value, step) => point(step, value)));

describe('down-sampling', () => {
  it('keeps order, first, last, smallest and largest within the number of points, the same every time', () => {
    fc.assert(
      fc.property(series, fc.integer({ min: 4, max: 60 }), (points, maxPoints) => {
        const kept = downsample(points, maxPoints);
        expect(kept.length).toBeLessThanOrEqual(maxPoints);
        expect(kept).toEqual(downsample(points, maxPoints));
        expect(kept.map(({ step }) => step)).toEqual([...new Set(kept.map(({ step }) => step))].sort((a, b) => a - b));
        expect([kept[0], kept.at(-1)]).toEqual([points[0], points.at(-1)]);
        const finite = (from: SeriesPoint[]) => from.flatMap(({ value }) => (value === null ? [] : [value]));
        expect(Math.min(...finite(kept))).toBe(Math.min(...finite(points)));
        expect(Math.max(...finite(kept))).toBe(Math.max(...finite(points)));
      }),
    );
  });

  it('leaves a series that is short enough as it is', () => {
    const points = [point(0, 3), point(1, null), point(2, 1)];
    expect(downsample(points, 4)).toEqual(points);
  });

  // Two buckets of five: in each first, smallest, largest, last; of equal values the earliest.
  it('keeps the corners of every part', () => {
    const values = [5, 1, 9, 1, 5, 2, 7, 7, 0, 3];
    const kept = downsample(
      values.map((value, step) => point(step, value)),
      8,
    );
    expect(kept.map(({ step }) => step)).toEqual([0, 1, 2, 4, 5, 6, 8, 9]);
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

  it('comes from the whole history where a run has finished', async () => {
    const { parquetWriteBuffer } = await import('hyparquet-writer');
    const body = parquetWriteBuffer({
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
