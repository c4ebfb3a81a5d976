import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';

const usage = `Runs a whole experiment through the GraphQL API: the fine-tuning of a teacher, then students by each method over seeds.

  npm run demo                                    a quick look: real data from the Hugging Face hub where it can be
                                                  reached, else generated sentences in which context matters
  npm run demo -- --data FOLDER --teacher FOLDER  your own data and encoder

  --data PLACE         folder with a train and a test (or valid) file, .csv or .jsonl; "hub"; or "generated"
  --teacher PLACE      Hugging Face folder of a BERT encoder, or hf:owner/name; without it a small random one
  --vectors FILE       word vectors in GloVe format for the student
  --methods LIST       of scratch, kd, meta-full, meta-lora; with commas between [all four]
  --seeds N            runs of each method, seeds 0 to N - 1 [3]
  --epochs N           epochs of the students
  --teacher-epochs N   epochs of the teacher's fine-tuning
  --set NAME=VALUE     any hyper-parameter of the students, as JSON or text; may be repeated
  --name TEXT          name of the experiment
  --server URL         use this server instead of starting one
  --data-directory DIR of the server that is started [data/demo]
  --port N             of the server that is started [4000, or a free one if that is taken]
  --slots N            runs at a time [the cores of this machine, at most 4]
  --exit               stop the server at the end [without a terminal: yes; in one it stays until Ctrl-C]
`;

const wholeNumber = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.coerce.number({ error }).pipe(z.int({ error }).min(least, { error }).max(most, { error }));
};

/** A path from where the demo was started, or a place on the hub. The server may have been started elsewhere. */
const location = z
  .string()
  .min(1)
  .transform((place) => (place.startsWith('hf:') ? place : resolve(place)));

const optionsSchema = z.strictObject({
  data: z.string().min(1).optional(),
  teacher: location.optional(),
  vectors: location.optional(),
  methods: z
    .string()
    .default('scratch,kd,meta-full,meta-lora')
    .transform((list) => list.split(',').map((name) => name.trim()))
    .pipe(z.array(z.enum(['scratch', 'kd', 'meta-full', 'meta-lora'])).min(1)),
  seeds: wholeNumber(1, 100).default(3),
  epochs: wholeNumber(1, 1000).optional(),
  'teacher-epochs': wholeNumber(1, 1000).optional(),
  set: z.array(z.string().regex(/^\w+=/, { error: 'must be NAME=VALUE' })).default([]),
  name: z.string().min(1).max(200).optional(),
  server: z.url().optional(),
  'data-directory': z
    .string()
    .min(1)
    .default('data/demo')
    .transform((path) => resolve(path)),
  port: wholeNumber(0, 65_535).default(4000),
  slots: wholeNumber(1, 64).default(Math.min(4, availableParallelism())),
  exit: z.boolean().default(!process.stdout.isTTY),
});
export type Options = z.output<typeof optionsSchema>;

/** `help`: print the text and end, with this code. */
export type ReadOptions = { kind: 'run'; options: Options } | { kind: 'help'; text: string; exitCode: number };

/** Reads the command line; whatever is wrong with it is said at once. */
export function readOptions(words: readonly string[]): ReadOptions {
  const text = { type: 'string' } as const;
  let values: Record<string, unknown>;
  try {
    ({ values } = parseArgs({
      args: [...words],
      options: {
        ...Object.fromEntries(Object.keys(optionsSchema.shape).map((name) => [name, text])),
        set: { type: 'string', multiple: true },
        exit: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }));
  } catch (error) {
    return { kind: 'help', text: `${(error as Error).message}\n\n${usage}`, exitCode: 2 };
  }
  if (values.help === true) return { kind: 'help', text: usage, exitCode: 0 };
  const parsed = optionsSchema.safeParse(values);
  if (parsed.success) return { kind: 'run', options: parsed.data };
  const problems = parsed.error.issues.map(
    ({ path, message }) => `--${String(path[0])}: ${message}; given "${values[String(path[0])]}"`,
  );
  return { kind: 'help', text: `${problems.join('\n')}\n\n${usage}`, exitCode: 2 };
}

/** The hyper-parameters of `--set`: JSON where it is JSON, else text. */
export function givenParameters(set: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    set.map((assignment) => {
      const [name = '', value = ''] = assignment.split(/=(.*)/s);
      try {
        return [name, JSON.parse(value)];
      } catch {
        return [name, value];
      }
    }),
  );
}
