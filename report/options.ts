import { resolve } from 'node:path';
import { z } from 'zod';
import { comparisonOptions, type ReadOptions, readWords } from '../client/options';

const usage = `Writes one HTML page about an experiment: its answer in plain language, tables with intervals and tests, curves, confusion
matrices, what it cost, and everything needed to repeat it. The page needs no network, and prints.

  npm run report -- EXPERIMENT

  EXPERIMENT           id or name of the experiment
  --output FILE        where to write it [the name of the experiment, .html]
  --baseline NAME      variant that the others are measured against [scratch, else the first that is no teacher]
  --at MOMENT          best-on-dev, final, epoch=N, seconds=N; or best-on-test, which the page is marked with [best-on-dev]
  --allow-different-data  compare runs of different data or splits nevertheless; the page says so
  --server URL         ask this server
  --token TEXT         access token of that server [the variable STILLHOUSE_TOKEN]
  --data-directory DIR without --server: the server that runs on this directory, or one that is started for the report
                       and carries no runs out [data]
`;

const optionsSchema = z.strictObject({
  ...comparisonOptions,
  output: z
    .string()
    .min(1)
    .transform((path) => resolve(path))
    .optional(),
});
export type Options = z.output<typeof optionsSchema>;

/** Reads the command line; everything wrong with it is reported at once. */
export const readOptions = (words: readonly string[]): ReadOptions<Options> =>
  readWords(words, optionsSchema, usage, 'experiment');
