import { describeMetric } from '../../contract/metrics';
import { parametersSchema } from '../../contract/parameters';
import type { Checked, Problem } from '../../contract/run-spec';
import { limits } from '../shared/limits';
import type { ComparisonPoint } from './comparison';
import { isRunLabel, runLabels } from './groups';

/** Which groups are tested against each other. */
export type ComparedPairs = 'WITH_BASELINE' | 'ALL';

export interface ComparisonRequest {
  experimentIds: readonly string[];
  metric: string;
  at: { point: ComparisonPoint['kind']; epoch?: number | null; seconds?: number | null };
  baseline: string | null;
  groupBy: readonly string[] | null;
  pairs: ComparedPairs;
  allowDifferentData: boolean;
}

/** The moment a request names, or everything in the request that is wrong by itself. */
export function checkRequest(request: ComparisonRequest): Checked<ComparisonPoint> {
  const point = pointOf(request.at);
  const problems = [...pointProblems(request), ...requestProblems(request)];
  return problems.length > 0 ? { kind: 'invalid', problems } : { kind: 'valid', value: point };
}

function pointOf({ point, epoch, seconds }: ComparisonRequest['at']): ComparisonPoint {
  if (point === 'EPOCH') return { kind: point, epoch: epoch ?? 0 };
  if (point === 'WALL_CLOCK') return { kind: point, seconds: seconds ?? 0 };
  return { kind: point };
}

function pointProblems({ at: { point, epoch, seconds }, metric }: ComparisonRequest): Problem[] {
  const problems: Problem[] = [];
  if (point !== 'EPOCH' && epoch != null)
    problems.push({
      path: 'at.epoch',
      message: `${epoch} given: ${point} takes no epoch; leave it out, or ask for EPOCH`,
    });
  if (point !== 'WALL_CLOCK' && seconds != null)
    problems.push({
      path: 'at.seconds',
      message: `${seconds} given: ${point} takes no seconds; leave them out, or ask for WALL_CLOCK`,
    });
  if (point === 'EPOCH' && !(epoch != null && epoch >= 0))
    problems.push({ path: 'at.epoch', message: `${epoch ?? 'nothing'} given: EPOCH takes an epoch of 0 or more` });
  if (point === 'WALL_CLOCK' && !(seconds != null && seconds > 0))
    problems.push({ path: 'at.seconds', message: `${seconds ?? 'nothing'} given: WALL_CLOCK takes seconds above 0` });
  if (point === 'BEST_ON_TEST' && metric !== '' && !isTestMetric(metric))
    problems.push({
      path: 'at.point',
      message: `BEST_ON_TEST selects by the metric itself, which must be one of the test set; given ${metric}`,
    });
  return problems;
}

const isTestMetric = (metric: string): boolean => describeMetric(metric).split === 'test';

function requestProblems({ experimentIds, metric, groupBy }: ComparisonRequest): Problem[] {
  const count = experimentIds.length;
  const names = groupBy ?? [];
  return [
    ...(count < 1 || count > limits.comparedExperiments
      ? [{ path: 'experimentIds', message: `${count} experiments: give 1 to ${limits.comparedExperiments}` }]
      : []),
    ...(new Set(experimentIds).size < count ? [{ path: 'experimentIds', message: 'names an experiment twice' }] : []),
    ...(metric === '' ? [{ path: 'metric', message: 'is empty: name a metric, such as test/accuracy' }] : []),
    ...(groupBy !== null && names.length === 0
      ? [{ path: 'groupBy', message: 'is empty: name what tells groups apart, or leave it out' }]
      : []),
    ...names.flatMap((name, place) =>
      isRunLabel(name) || Object.hasOwn(parametersSchema.shape, name)
        ? []
        : [
            {
              path: `groupBy.${place}`,
              message: `there is no "${name}": name a hyper-parameter or ${runLabels.join(', ')}`,
            },
          ],
    ),
  ];
}
