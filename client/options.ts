import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { isS3Location } from '../contract/objects/open-objects';
import { parseS3Location } from '../contract/objects/s3-location';
import { momentSchema } from './moment';

export const wholeNumber = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.coerce.number({ error }).pipe(z.int({ error }).min(least, { error }).max(most, { error }));
};

/** A path from where the command was started, or a place on S3 or on the hub. The server may have been started elsewhere. */
export const location = z
  .string({ error: 'must be a path, s3://bucket/path, or hf:owner/name on the Hugging Face hub' })
  .min(1)
  .refine((place) => !isS3Location(place) || parseS3Location(place) !== null, {
    error: 'must be as in s3://bucket/path, with letters, digits and "._=-" in the path',
  })
  .transform((place) => (place.startsWith('hf:') || isS3Location(place) ? place : resolve(place)));

export const serverAddress = z.url({
  protocol: /^https?$/,
  error: 'must be the address of a server, as in http://127.0.0.1:4000',
});

/** By an option, or by a variable, which other users of the machine do not see. */
export const accessToken = z
  .string()
  .min(1)
  .optional()
  .transform((given) => given ?? (process.env.STILLHOUSE_TOKEN || undefined));

export const commaList = z.string().transform((list) => list.split(',').map((name) => name.trim()));

const dataDirectory = (defaultDirectory: string) =>
  z
    .string()
    .min(1)
    .default(defaultDirectory)
    .transform((path) => resolve(path));

/** Options about the server, of every command that needs one. @param defaultDirectory data of a server that it starts */
export const serverOptions = (defaultDirectory: string) => ({
  server: serverAddress.optional(),
  token: accessToken,
  'data-directory': dataDirectory(defaultDirectory),
  port: wholeNumber(0, 65_535).default(4000),
  slots: wholeNumber(1, 64).default(Math.min(4, availableParallelism())),
  exit: z.boolean().default(!process.stdout.isTTY),
});

/** As the usage of a command tells them. */
export const serverUsage = (dataDirectory: string): string => `\
  --server URL         use this server instead of starting one
  --token TEXT         access token of that server [the variable STILLHOUSE_TOKEN]
  --data-directory DIR of the server that is started [${dataDirectory}]
  --port N             of the server that is started [4000, or a free one if that is taken]
  --slots N            runs at a time [the cores of this machine, at most 4]
  --exit               stop the server at the end [without a terminal: yes; in one it stays until Ctrl-C]
`;

/** Options of every command that compares the variants of an experiment in stored records. */
export const comparisonOptions = {
  experiment: z.string({ error: 'must be the id or the name of an experiment' }).min(1),
  baseline: z.string().min(1).optional(),
  at: momentSchema.prefault('best-on-dev'),
  'allow-different-data': z.boolean().default(false),
  server: serverAddress.optional(),
  token: accessToken,
  'data-directory': dataDirectory('data'),
};

/** Options about the runs, of every command that makes an experiment. */
export const runOptions = (seeds: number) => ({
  vectors: location.optional(),
  seeds: wholeNumber(1, 100).default(seeds),
  epochs: wholeNumber(1, 1000).optional(),
  'teacher-epochs': wholeNumber(1, 1000).optional(),
  set: z.array(z.string().regex(/^\w+=/, { error: 'must be NAME=VALUE' })).default([]),
  name: z.string().min(1).max(200).optional(),
});

/** What such options mean in a definition. */
export function givenRuns(options: {
  seeds: number;
  epochs?: number | undefined;
  'teacher-epochs'?: number | undefined;
  set: readonly string[];
}): { seeds: number[]; parameters: Record<string, unknown>; teacherParameters: Record<string, unknown> } {
  const teacherEpochs = options['teacher-epochs'];
  return {
    seeds: Array.from({ length: options.seeds }, (_, seed) => seed),
    parameters: { ...(options.epochs !== undefined && { epochs: options.epochs }), ...givenParameters(options.set) },
    teacherParameters: teacherEpochs === undefined ? {} : { epochs: teacherEpochs },
  };
}

/** `help`: print the text and end, with this code. */
export type ReadOptions<T> = { kind: 'run'; options: T } | { kind: 'help'; text: string; exitCode: number };

/**
 * Reads a command line by a schema, one option a field; whatever is wrong with it is said at once.
 * @param positional the field that a word without an option fills
 */
export function readWords<S extends z.ZodObject>(
  words: readonly string[],
  schema: S,
  usage: string,
  positional?: keyof S['shape'] & string,
): ReadOptions<z.output<S>> {
  const refuse = (message: string) => ({ kind: 'help' as const, text: `${message}\n\n${usage}`, exitCode: 2 });
  let values: Record<string, unknown>;
  try {
    const parsed = parseArgs({
      args: [...words],
      allowPositionals: positional !== undefined,
      options: { ...optionsOf(schema), help: { type: 'boolean', short: 'h' } },
    });
    const [first, second] = parsed.positionals;
    if (second !== undefined) return refuse(`"${second}" is one word too many`);
    values = { ...parsed.values, ...(positional !== undefined && first !== undefined && { [positional]: first }) };
  } catch (error) {
    return refuse((error as Error).message);
  }
  if (values.help === true) return { kind: 'help', text: usage, exitCode: 0 };
  const parsed = schema.safeParse(values);
  if (parsed.success) return { kind: 'run', options: parsed.data };
  const problems = parsed.error.issues.map(({ path, message }) => {
    const name = String(path[0]);
    const given = values[name];
    return `${name === positional ? name : `--${name}`}: ${message}; given ${given === undefined ? 'nothing' : `"${given}"`}`;
  });
  return refuse(problems.join('\n'));
}

/** Flags, repeatable options and options with a text, as the fields of the schema are. */
function optionsOf(schema: z.ZodObject): Record<string, { type: 'string' | 'boolean'; multiple?: boolean }> {
  const kindOf = (field: unknown): { type: 'string' | 'boolean'; multiple?: boolean } => {
    const inner = field instanceof z.ZodDefault ? field.unwrap() : field;
    if (inner instanceof z.ZodBoolean) return { type: 'boolean' };
    return inner instanceof z.ZodArray ? { type: 'string', multiple: true } : { type: 'string' };
  };
  return Object.fromEntries(Object.entries(schema.shape).map(([name, field]) => [name, kindOf(field)]));
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
