import { join } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { exitCodes, trainerEnvironment } from '../../contract/keys';
import { objectsLocationSchema, openObjects } from '../../contract/objects/open-objects';
import { s3EnvironmentSchema, s3SettingsOf } from '../../contract/objects/s3-location';
import { type Checked, type Problem, problemsOf } from '../../contract/run-spec';
import { invalid, type StoredRuns } from './run-model';

const environmentSchema = s3EnvironmentSchema.extend({
  [trainerEnvironment.objects]: objectsLocationSchema.default(join('data', 'objects')),
});

export const objectsUsage = `--objects PLACE  where runs are: a folder, or s3://bucket/prefix (${trainerEnvironment.objects}; default data/objects)`;

type Options = NonNullable<ParseArgsConfig['options']>;
type Given<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>;

/** The words of a command line. */
export function readArguments<O extends Options>(options: O): Checked<Given<O>> {
  try {
    return { kind: 'valid', value: parseArgs({ options, allowPositionals: true }) };
  } catch (error) {
    return invalid('', `${(error as Error).message}. See --help.`);
  }
}

/** The objects that the command line names, else the environment. */
export async function objectsOf(given: string | undefined): Promise<Checked<StoredRuns>> {
  const environment = environmentSchema.safeParse({
    ...process.env,
    ...(given === undefined ? {} : { [trainerEnvironment.objects]: given }),
  });
  if (!environment.success) return { kind: 'invalid', problems: problemsOf(environment.error) };
  const location = environment.data[trainerEnvironment.objects];
  const objects = await openObjects(location, s3SettingsOf(environment.data));
  return { kind: 'valid', value: { objects, location } };
}

export function refuse(problems: readonly Problem[]): number {
  for (const { message } of problems) process.stderr.write(`${message}\n`);
  return exitCodes.input;
}
