import { resolve } from 'node:path';
import { z } from 'zod';
import { commaList, type ReadOptions, readWords, wholeNumber } from '../client/options';
import { measuredSteps } from './training/steps';

const stepNames = measuredSteps.map(({ name }) => name);

const usage = `npm run bench                        all of the following
npm run bench -- steps               training steps on the real data with MiniLM, batch 32, against PyTorch
npm run bench -- start               seconds from the start of a run to its first step
npm run bench -- memory              tensors and resident memory over 2,000 steps
npm run bench -- functions           size and times of the GraphQL function, and one metrics object to 1,000 clients
npm run bench -- attributions        Integrated Gradients of MiniLM beside a forward pass
npm run bench -- compare             a comparison with all its tests over 200 runs and their predictions
npm run bench -- serving             requests and subscriptions beside bare Apollo and bare graphql-ws
npm run bench -- records             searching and comparing among 100,000 runs, and histories; SQLite, and PostgreSQL where given

  --data DIR        the real data (default ../shared/data)
  --python PATH     an interpreter with PyTorch, NumPy and safetensors; without it no peer is measured
  --peers DIR       the PyTorch reference (default ../shared/peers/pytorch)
  --engines LIST    native,portable (default both)
  --threads LIST    threads of the engines and PyTorch (default 1,2)
  --steps LIST      ${stepNames.join(',')} (default all)
  --batches N       batches a step is measured on (default 6)
  --database-url U  a PostgreSQL database of no other use; without it the functions are measured on SQLite, or not
  --rounds N        times that each is measured, the least counts (default 4)
  --train-share S   share of the train rows that attributions are measured on (default 0.02)
  --runs N          runs in the records (default 100000)
  --keep FOLDER     where to keep the SQLite records and the histories for the next time; else they are removed

Every figure is a ratio within one run. Where other programs are busy look at CPU seconds: wall seconds then tell their load.`;

const parts = ['steps', 'start', 'memory', 'attributions', 'functions', 'compare', 'serving', 'records'] as const;
export type Part = (typeof parts)[number];

const folder = z
  .string()
  .min(1)
  .transform((path) => resolve(path));
const listOf = <T extends z.ZodType>(entry: T) =>
  commaList.pipe(z.array(entry) as unknown as z.ZodType<z.output<T>[], string[]>);
const oneOf = <const T extends string>(names: readonly T[]) =>
  z.enum(names, { error: `must be of ${names.join(', ')}` });

const optionsSchema = z.strictObject({
  part: oneOf(parts).optional(),
  data: folder.prefault('../shared/data'),
  python: z.string().min(1).optional(),
  peers: folder.prefault('../shared/peers/pytorch'),
  engines: listOf(oneOf(['native', 'portable'])).prefault('native,portable'),
  threads: listOf(wholeNumber(1, 256)).prefault('1,2'),
  steps: listOf(oneOf(stepNames)).prefault(stepNames.join(',')),
  batches: wholeNumber(1, 100).default(6),
  rounds: wholeNumber(1, 1000).default(4),
  'database-url': z.string().min(1).optional(),
  'train-share': z.coerce
    .number()
    .refine((share) => share > 0 && share <= 1, { error: 'must be above 0 and at most 1' })
    .default(0.02),
  runs: wholeNumber(1, 10_000_000).default(100_000),
  keep: z.string().min(1).optional(),
});
export type Options = z.output<typeof optionsSchema>;

/** Reads the command line; whatever is wrong with it is said at once. */
export const readOptions = (words: readonly string[]): ReadOptions<Options> =>
  readWords(words, optionsSchema, usage, 'part');
