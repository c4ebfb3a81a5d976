import type { Services } from '../../api/context/context';
import { historyKey } from '../../contract/keys';
import { writeHistory } from '../../trainer/records/history';
import { writeRuns } from '../comparison';
import { historyOf } from '../records/histories';
import { runIdOf } from '../records/many-runs';

const histories = 20;
const pointsPerHistory = 5000;

/** Stores what the heavy requests read: long histories, and a comparison with predictions. */
export async function storeHeavyRuns(services: Services): Promise<void> {
  await writeHistory(services.objects, runIdOf(0), historyOf(0));
  const history = (await services.objects.read(historyKey(runIdOf(0))))!;
  for (let place = 1; place < histories; place += 1) await services.objects.write(historyKey(runIdOf(place)), history);
  await writeRuns(services);
}

/** Histories with as many points as one operation may ask for. */
function longHistories(): string {
  const runIds = JSON.stringify(Array.from({ length: histories }, (_, place) => runIdOf(place)));
  const aliases = Array.from(
    { length: 20 },
    (_, at) => `h${at}: metricHistory(runIds: ${runIds}, names: ["train/loss"], maxPoints: 500) { totalPoints }`,
  );
  return `{ ${aliases.join('\n')} }`;
}

const manyPoints = `{ metricHistory(runIds: ${JSON.stringify(Array.from({ length: 19 }, (_, place) => runIdOf(place)))}, names: ["train/loss"],
  maxPoints: ${pointsPerHistory}) { runId points { step epoch elapsedSeconds value } } }`;

const allPairs = (
  metric: string,
): string => `{ compare(experimentIds: ["experiment"], metric: "${metric}", at: { point: FINAL },
  baseline: "v0", pairs: ALL) { ... on Comparison { pairs { name verdict { text } bootstrap { interval { low high } } } } } }`;

const pageOfRuns = `{ runs(first: 60) { totalCount nodes { id variant seed state metrics { name last best min max mean }
  parameters { name text } } } }`;

/** Requests near the limits of cost, by what they are. A path is downloaded, anything else is a query. */
export const heavyRequests: Readonly<Record<string, string>> = {
  'nothing else': '',
  '20 times 20 long histories': longHistories(),
  '95,000 points of histories': manyPoints,
  'compare, all pairs, accuracy': allPairs('test/accuracy'),
  'compare, all pairs, macro F1': allPairs('test/macro-f1'),
  'a page of 60 runs with all metrics': pageOfRuns,
  'runs.csv': '/export/runs.csv',
  'runs.jsonl': '/export/runs.jsonl',
  'runs.parquet': '/export/runs.parquet',
  'history.csv': '/export/history.csv',
  'history.parquet': '/export/history.parquet',
};
