import { compareQuery, fetchComparison } from '../client/comparison';
import { findExperiment } from '../client/find-experiment';
import { command, withRecords } from '../client/session';
import { comparisonLines } from '../client/tables';
import { type Options, readOptions } from './options';

/** The comparison of an experiment's variants as tables or as JSON, from whichever server has it. */
const compare = (options: Options): Promise<number> =>
  withRecords(options, async (api) => {
    const experimentIds = [await findExperiment(api, options.experiment)];
    const { at, baseline = null, 'allow-different-data': allowDifferentData } = options;
    for (const metric of options.metric) {
      const variables = { experimentIds, metric, at, baseline, allowDifferentData };
      const comparison = await fetchComparison(api, compareQuery, variables);
      if (options.json) console.log(JSON.stringify(comparison));
      else console.log(`${titleOf(metric, options)}\n${comparisonLines(comparison).join('\n')}\n`);
    }
    return 0;
  });

function titleOf(metric: string, { at: { point, epoch, seconds } }: Options): string {
  const moments = {
    BEST_ON_DEV: 'at the epoch best on dev',
    BEST_ON_TEST: 'at the epoch best on test (selected on the test set: too good)',
    FINAL: 'at the last epoch',
    EPOCH: `at epoch ${epoch}`,
    WALL_CLOCK: `after ${seconds} s of training`,
  };
  return `${metric} ${moments[point]}, over seeds`;
}

command(readOptions(process.argv.slice(2)), compare, (_error): _error is Error => false);
