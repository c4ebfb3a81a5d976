import { z } from 'zod';
import { comparisonOptions, type ReadOptions, readWords } from '../client/options';

const usage = `Compares the variants of an experiment: means over seeds with their intervals, and tests of every pair.

  npm run compare -- EXPERIMENT

  EXPERIMENT           id or name of the experiment
  --metric NAME        may be given several times [test/accuracy, test/macro-f1]
  --baseline NAME      variant that the others are measured against [none: all pairs]
  --at MOMENT          best-on-dev, final, epoch=N, seconds=N; or best-on-test, which the table is marked with [best-on-dev]
  --allow-different-data  compare runs of different data or splits nevertheless
  --json               all figures as JSON, one object a line and metric
  --server URL         ask this server
  --token TEXT         access token of that server [the variable STILLHOUSE_TOKEN]
  --data-directory DIR without --server: the server that runs on this directory, or one that is started for the
                       comparison and carries out no runs [data]
`;

const optionsSchema = z.strictObject({
  ...comparisonOptions,
  metric: z.array(z.string().min(1)).default(['test/accuracy', 'test/macro-f1']),
  json: z.boolean().default(false),
});
export type Options = z.output<typeof optionsSchema>;

/** Reads the command line; everything wrong with it is reported at once. */
export const readOptions = (words: readonly string[]): ReadOptions<Options> =>
  readWords(words, optionsSchema, usage, 'experiment');
