import type { Services } from '../../api/context/context';
import { historyKey } from '../../contract/keys';
import { metricNames, scoreName, scoreNames } from '../../contract/metric-names';
import type { MetricRecord } from '../../contract/records';
import { dataOf } from '../../test/testkit/ask';
import { writeHistory } from '../../trainer/records/history';
import { randomNumbers, runIdOf } from './many-runs';
import { report, type Spent, stopwatch } from './stopwatch';

const [runs, steps, stepsPerEpoch, rounds] = [20, 50_000, 1000, 10];
/** Points of a series: those given by default, and about the most that the cost limit allows for so many runs. */
const maxPoints = [500, 4000];

const query = `query ($runIds: [ID!]!, $maxPoints: Int!) {
  metricHistory(runIds: $runIds, names: ["${metricNames.trainLoss}"], maxPoints: $maxPoints) {
    runId name totalPoints downsampled points { step epoch elapsedSeconds value } } }`;

/** Prints what the histories of a metric of 20 runs take, as a client asks for them, from what trainers leave. */
export async function measureHistories(services: Services): Promise<void> {
  const runIds = Array.from({ length: runs }, (_, place) => runIdOf(place));
  for (const [place, runId] of runIds.entries())
    if ((await services.objects.info(historyKey(runId))) === null)
      await writeHistory(services.objects, runId, historyOf(place));
  const clock = await stopwatch(services.database);
  const ask = async (points: number): Promise<Spent> => {
    const stop = clock();
    const { metricHistory } = await dataOf(services, query, { runIds, maxPoints: points });
    const spent = stop();
    if (metricHistory.some((series: { totalPoints: number }) => series.totalPoints < steps))
      throw new Error('a history is not whole');
    return spent;
  };
  for (const points of maxPoints) {
    const what = `histories of ${runs} runs x ${steps} points, ${points} of each given`;
    const first = await ask(points);
    const further: Spent[] = [];
    for (let round = 0; round < rounds; round++) further.push(await ask(points));
    report(`${what}, the first time`, [first]);
    report(`${what}, again`, further);
  }
}

/** What distillation logs: six values every step, and the scores of dev and test at the end of every epoch. */
export function historyOf(seed: number): MetricRecord[] {
  const random = randomNumbers(seed + 4);
  const { trainLoss, trainCrossEntropy, trainDistillation, gradientNorm, learningRate, examplesPerSecond } =
    metricNames;
  const names = [trainLoss, trainCrossEntropy, trainDistillation, gradientNorm, learningRate, examplesPerSecond];
  const scores = (['dev', 'test'] as const).flatMap((split) => scoreNames.map((score) => scoreName(split, score)));
  const valuesOf = (of: readonly string[]) => Object.fromEntries(of.map((name) => [name, random()]));
  let elapsedSeconds = 0;
  return Array.from({ length: steps }, (_, at) => at + 1).flatMap((step): MetricRecord[] => {
    elapsedSeconds += 0.01 + random() / 1000;
    const place = { step, epoch: Math.floor((step - 1) / stepsPerEpoch), elapsedSeconds };
    const logged: MetricRecord = { ...place, scope: 'step', values: valuesOf(names) };
    return step % stepsPerEpoch > 0 ? [logged] : [logged, { ...place, scope: 'epoch', values: valuesOf(scores) }];
  });
}
