import { resolve } from 'node:path';
import { z } from 'zod';
import { accessToken, commaList, type ReadOptions, readWords, serverAddress } from '../client/options';

const usage = `Writes runs or their whole histories into a file, as a client of a running server.

  npm run export -- runs --output runs.csv
  npm run export -- history --output history.parquet --filter '{"experimentId":{"eq":"ID"}}'

  --output FILE    .csv, .jsonl or .parquet. Where writing .csv or .jsonl breaks off, the same command goes on;
                   where it has got to stands in FILE.cursor until it is done
  --filter JSON    which runs, as in GraphQL (RunFilterInput) [all]
  --metrics LIST   names with commas between: columns of runs [those that do not depend on the classes], lines of
                   histories [all]
  --server URL     [http://127.0.0.1:4000]
  --token TOKEN    access token of that server [the variable STILLHOUSE_TOKEN]
  --help           this text

An apostrophe stands before texts in CSV that a spreadsheet would take for a formula, or that begin with one.
`;

const json = z.string().transform((text, context) => {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    context.addIssue({ code: 'custom', message: `is no JSON: ${(error as Error).message}` });
    return z.NEVER;
  }
});

const optionsSchema = z.strictObject({
  table: z.enum(['runs', 'history'], { error: 'must be runs or history' }),
  output: z
    .string({ error: 'must name a file' })
    .regex(/\.(csv|jsonl|parquet)$/, { error: 'must end in .csv, .jsonl or .parquet' })
    .transform((path) => resolve(path)),
  filter: json.optional(),
  metrics: commaList.optional(),
  server: serverAddress.default('http://127.0.0.1:4000'),
  token: accessToken,
});
export type Options = z.output<typeof optionsSchema>;

/** Reads the command line; whatever is wrong with it is said at once. */
export const readOptions = (words: readonly string[]): ReadOptions<Options> =>
  readWords(words, optionsSchema, usage, 'table');
